"""Finding a job by its name, and naming it so that another process finds the same one."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from cctrawl.errors import InvalidInputError, JobError
from cctrawl.runs.jobs.job import Job, innermost

_SHIPPED = ("languages", "links", "servers", "text", "themes")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class JobReference:
    """How another process finds a job.

    Attributes:
        name: what users see: ``themes``, ``my_job.py:count``, ``package.module:count``.
        target: what is loaded: ``module:attribute``, ``/folder/my_job.py:attribute``; empty if ``pickled`` is used.
        pickled: the job itself, for functions of a notebook, a script or an interpreter.
        sha256: hash of the file, or of the code, that holds the job; tells when it was changed.
        folder: a folder to import from, where the job's code has been unpacked; empty if there is none.
    """

    name: str
    target: str
    pickled: bytes
    sha256: str
    folder: str = ""

    def load(self) -> Job:
        """Return the job.

        Raises:
            InvalidInputError: there is no such module or function.
            JobError: the module, or one that the job uses, raised while it was imported.
        """
        if self.folder and self.folder not in sys.path:
            sys.path.append(self.folder)
        if self.pickled:
            import cloudpickle  # noqa: PLC0415 - only for jobs without a home

            with _importing(self.name):  # of the modules it uses
                loaded: Job = cloudpickle.loads(self.pickled)
            return loaded
        place, _, attribute = self.target.rpartition(":")
        module = _module_of_file(Path(place)) if place.endswith(".py") else _module_by_name(place)
        return Job.of(_attribute(module, attribute, self.name))


def shipped_jobs() -> dict[str, Job]:
    """Return the jobs that come with cctrawl, by name."""
    return {name: reference_to(name).load() for name in _SHIPPED}


def load_job(job: str | Callable[..., Any]) -> tuple[JobReference, Job]:
    """Return how to find a job, and the job: a name, ``file.py:function``, ``module:function``, or a function.

    Raises:
        InvalidInputError: there is no such job, file, module or function.
        JobError: the module raised while it was imported.
    """
    reference = reference_to(job)
    if isinstance(job, str):
        return reference, reference.load()
    return reference, Job.of(job)


def reference_to(job: str | Callable[..., Any]) -> JobReference:
    """Return how another process finds a job.

    Raises:
        InvalidInputError: there is no such shipped job, file or function.
        JobError: a package that holds the job raised while it was imported.
    """
    if not isinstance(job, str):
        return _of_function(Job.of(job))
    if job in _SHIPPED:
        module = f"cctrawl.runs.jobs.{job}"
        return JobReference(job, f"{module}:{job}", b"", _hash_of_module(module))
    place, colon, attribute = job.rpartition(":")
    if not colon or not place or not attribute:
        close = get_close_matches(job, _SHIPPED, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"shipped jobs: {', '.join(_SHIPPED)}"
        raise InvalidInputError(f"no such job: {job!r}", hint=f"{known} Your own: my_job.py:function")
    if not place.endswith(".py"):
        return JobReference(job, job, b"", _hash_of_module(place))
    file = Path(place).expanduser().absolute()
    if not file.is_file():
        raise InvalidInputError(f"no such file: {place}", hint="give the path of the file that holds the job")
    return JobReference(job, f"{file}:{attribute}", b"", hashlib.sha256(file.read_bytes()).hexdigest())


def _of_function(job: Job) -> JobReference:
    inner = innermost(job.function)
    named = inner if hasattr(inner, "__qualname__") else type(inner)  # an object that can be called
    module, attribute = named.__module__, named.__qualname__
    name = f"{module}:{attribute}"
    # A worker can import it only if the name leads back to this very job.
    found = getattr(sys.modules.get(module), attribute, None) if attribute.isidentifier() else None
    is_home = found is not None and (found is job or getattr(found, "function", found) is job.function)
    if is_home and _is_importable(module):
        return JobReference(name, name, b"", _hash_of_module(module))
    return JobReference(name, "", _pickled(job, module), _hash_of_code(job.function))


def _is_importable(module: str) -> bool:
    """Whether another process with our path finds the module; not so the script that was started."""
    return module != "__main__" and PathFinder.find_spec(module.partition(".")[0]) is not None


def _pickled(job: Job, home: str) -> bytes:
    """Return the job by value, with everything of its own module, ``home``, that it uses."""
    import cloudpickle  # noqa: PLC0415 - only for jobs without a home

    module = sys.modules.get(home)
    by_value = module is not None and module.__name__ != "__main__" and not _is_importable(module.__name__)
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        data: bytes = cloudpickle.dumps(job)
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return data


def _hash_of_code(function: Callable[..., Any]) -> str:
    text = _told(function, ())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _told(value: Any, within: tuple[int, ...]) -> str:  # noqa: ANN401 - whatever a function can hold
    """Return what a value is, in words that are the same in every process: functions by code and what they hold."""
    if id(value) in within:  # a function that calls itself holds itself
        return "itself"
    within = (*within, id(value))
    if isinstance(value, functools.partial):
        return _told((value.func, value.args, value.keywords), within)
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)]
        return _source(value) + _told((cells, value.__defaults__, value.__kwdefaults__), within)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_told(item, within) for item in value]
        return str(sorted(items) if isinstance(value, (set, frozenset)) else items)
    return _ADDRESS.sub("", repr(value)) if within[1:] else _source(value)


def _is_empty(cell: Any) -> bool:  # noqa: ANN401 - types.CellType, as typed differently by version
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed into an interpreter, or no Python function
        code = getattr(function, "__code__", None)
        return repr(_code(code)) if code else repr(type(function))


def _code(code: CodeType) -> tuple[object, ...]:
    inner = [_code(value) if isinstance(value, CodeType) else value for value in code.co_consts]
    return code.co_code, inner, code.co_names


def _hash_of_module(name: str) -> str:
    spec = None
    if all(part.isidentifier() for part in name.split(".")):
        try:
            with _importing(name):  # of the packages it is in
                spec = importlib.util.find_spec(name)
        except JobError as error:
            missing = error.__cause__
            if not isinstance(missing, ModuleNotFoundError) or not f"{name}.".startswith(f"{missing.name}."):
                raise
    if spec is None:
        raise InvalidInputError(
            f"no such module: {name}", hint="is it installed, or on PYTHONPATH? A file: my_job.py:function"
        )
    origin = Path(spec.origin or "")
    return hashlib.sha256(origin.read_bytes()).hexdigest() if origin.is_file() else ""


def _module_by_name(name: str) -> ModuleType:
    with _importing(name):
        return importlib.import_module(name)


def _module_of_file(file: Path) -> ModuleType:
    """Import a file, with its folder importable, so that it finds the modules beside it."""
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last: an email.py or random.py beside the job is not for the rest of us
    name = _name_for(file)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InvalidInputError(f"no Python file: {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        with _importing(str(file)):
            spec.loader.exec_module(module)
    except JobError:
        sys.modules.pop(spec.name, None)
        raise
    return module


def _name_for(file: Path) -> str:
    """Return the file's own name as a module, unless `import` means another module by it."""
    name = file.stem
    known = sys.modules.get(name)
    origin = getattr(known or PathFinder.find_spec(name), "__file__" if known else "origin", None)
    return name if origin == str(file) and name not in sys.stdlib_module_names else f"cctrawl_job_{name}"


@contextmanager
def _importing(name: str) -> Iterator[None]:
    """Keep stdout for rows while a user's module is imported; whatever it raises is a JobError."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        import traceback  # noqa: PLC0415 - only when something is wrong

        text = f"{type(error).__name__}: {error}"
        details = "".join(traceback.format_exception(error))
        raise JobError(f"{name} cannot be imported: {text}", details=details) from error


def _attribute(module: ModuleType, attribute: str, name: str) -> Any:  # noqa: ANN401 - Job.of judges it
    found = getattr(module, attribute, None)
    if found is None:
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        close = get_close_matches(attribute, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(names[:8]) or 'no functions'}"
        raise InvalidInputError(f"there is no {attribute!r} in {name.rpartition(':')[0]}", hint=hint)
    return found
