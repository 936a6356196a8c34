"""Jobs: the function a run calls for every file, and the ones that are shipped.

`job` makes one of a function, `references` finds one by its name, `tally` counts beside the rows, and each other
module here is one shipped job.
"""

from cctrawl.runs.jobs.job import Job, job, responses
from cctrawl.runs.jobs.references import JobReference, load_job, reference_to, shipped_jobs
from cctrawl.runs.jobs.tally import take_tallies, tally

__all__ = [
    "Job",
    "JobReference",
    "job",
    "load_job",
    "reference_to",
    "responses",
    "shipped_jobs",
    "take_tallies",
    "tally",
]
