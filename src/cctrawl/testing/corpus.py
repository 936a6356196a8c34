"""Sentences to make pages of: fifteen languages in nine scripts, and the charsets their pages come in."""
# ruff: noqa: RUF001 - these letters are what the module is for

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """A language with text of its own.

    Attributes:
        code: ISO 639-3, as the index and WET have it.
        code2: ISO 639-1, as CLD2 and ``<html lang>`` have it.
        name: CLD2's name.
        charsets: the charsets its pages come in, by their Python names, the most frequent first.
        tlds: top-level domains its sites prefer.
        sentences: sentences that every one of those charsets can encode.
    """

    code: str
    code2: str
    name: str
    charsets: tuple[str, ...]
    tlds: tuple[str, ...]
    sentences: tuple[str, ...]


_WESTERN = ("utf-8", "utf-8", "utf-8", "windows-1252", "iso-8859-1")

LANGUAGES = (
    Language("eng", "en", "ENGLISH", (*_WESTERN, "utf-16-le"), ("com", "org", "net", "co.uk", "io"), (
        "The library opens at nine and closes when the last reader leaves.",
        "Everyone has the right to take part in the cultural life of the community.",
        "A web crawler follows links and keeps what it finds for later study.",
        "Rain fell on the harbour all night, and the boats stayed where they were.",
        "We publish our recipes, our mistakes and the reasons for both.",
        "The museum lends its maps to schools in the neighbourhood.",
    )),
    Language("deu", "de", "GERMAN", _WESTERN, ("de", "com", "net"), (
        "Die Bücherei öffnet um neun und schließt, wenn der letzte Leser geht.",
        "Jeder hat das Recht, am kulturellen Leben der Gemeinschaft teilzunehmen.",
        "Über Nacht fiel so viel Schnee, dass die Züge stehen blieben.",
        "Unsere Gäste schätzen die ruhige Lage und das große Frühstück.",
        "Der Verein lädt zum Sommerfest ein; für Kuchen ist gesorgt.",
    )),
    Language("fra", "fr", "FRENCH", _WESTERN, ("fr", "com", "org"), (
        "La bibliothèque ouvre à neuf heures et ferme au départ du dernier lecteur.",
        "Toute personne a le droit de prendre part à la vie culturelle de la communauté.",
        "Le marché se tient chaque samedi, même sous la pluie.",
        "Nos élèves ont préparé un spectacle gratuit pour les voisins.",
        "Où trouver un bon café près de la gare centrale ?",
    )),
    Language("spa", "es", "SPANISH", _WESTERN, ("es", "com", "com.mx"), (
        "La biblioteca abre a las nueve y cierra cuando se va el último lector.",
        "Toda persona tiene derecho a tomar parte en la vida cultural de la comunidad.",
        "El año pasado plantamos cien árboles junto al río.",
        "¿Dónde está la estación más cercana?",
        "Mañana habrá música en la plaza mayor.",
    )),
    Language("por", "pt", "PORTUGUESE", _WESTERN, ("com.br", "pt"), (
        "A biblioteca abre às nove e fecha quando sai o último leitor.",
        "Toda a pessoa tem o direito de tomar parte na vida cultural da comunidade.",
        "O avião chegou atrasado por causa do nevoeiro.",
        "Amanhã haverá uma reunião na câmara municipal.",
    )),
    Language("isl", "is", "ICELANDIC", ("utf-8", "iso-8859-1", "windows-1252"), ("is",), (
        "Bókasafnið opnar klukkan níu og lokar þegar síðasti lesandinn fer.",
        "Það snjóaði alla nóttina og vegurinn yfir heiðina er lokaður.",
        "Allir eru velkomnir á tónleikana í kirkjunni.",
    )),
    Language("pol", "pl", "POLISH", ("utf-8", "iso-8859-2", "windows-1250"), ("pl", "com.pl"), (
        "Biblioteka otwiera się o dziewiątej i zamyka, gdy wyjdzie ostatni czytelnik.",
        "Każdy człowiek ma prawo do udziału w życiu kulturalnym społeczności.",
        "Źródło rzeki leży wysoko w górach, gdzie śnieg topnieje późno.",
    )),
    Language("tur", "tr", "TURKISH", ("utf-8", "iso-8859-9", "windows-1254"), ("com.tr", "org"), (
        "Kütüphane saat dokuzda açılır ve son okuyucu çıkınca kapanır.",
        "Herkes toplumun kültürel yaşamına katılma hakkına sahiptir.",
        "Dün gece yağmur yağdı, ışıklar söndü ve şehir sustu.",
    )),
    Language("rus", "ru", "RUSSIAN", ("utf-8", "windows-1251", "koi8-r"), ("ru", "com"), (
        "Библиотека открывается в девять и закрывается, когда уходит последний читатель.",
        "Каждый человек имеет право участвовать в культурной жизни общества.",
        "Ночью выпал снег, и утром поезда опаздывали.",
        "Подробнее о расписании занятий можно узнать по телефону.",
    )),
    Language("ell", "el", "GREEK", ("utf-8", "iso-8859-7", "windows-1253"), ("gr",), (
        "Η βιβλιοθήκη ανοίγει στις εννέα και κλείνει όταν φύγει ο τελευταίος αναγνώστης.",
        "Καθένας έχει το δικαίωμα να συμμετέχει στην πνευματική ζωή της κοινότητας.",
        "Το πλοίο θα φύγει αύριο το πρωί από το λιμάνι.",
    )),
    Language("jpn", "ja", "Japanese", ("utf-8", "shift_jis", "euc-jp", "utf-16-le"), ("jp", "co.jp"), (
        "図書館は九時に開き、最後の読者が帰ると閉まります。",
        "すべて人は、自由に社会の文化生活に参加する権利を有する。",
        "昨夜は雨が降り続き、船は港に留まった。",
        "新しいテーマのソースコードを公開しました。",
    )),
    Language("zho", "zh", "Chinese", ("utf-8", "gb18030", "gbk"), ("cn", "com.cn"), (
        "图书馆九点开门，最后一位读者离开时关门。",
        "人人有权自由参加社会的文化生活。",
        "昨夜下了一整夜的雨，船都停在港口。",
        "我们公布菜谱、错误以及两者的原因。",
    )),
    Language("kor", "ko", "Korean", ("utf-8", "euc-kr"), ("kr", "co.kr"), (
        "도서관은 아홉 시에 열고 마지막 독자가 떠나면 닫습니다.",
        "모든 사람은 공동체의 문화생활에 자유롭게 참여할 권리가 있다.",
        "어젯밤 비가 내려 배들이 항구에 머물렀다.",
    )),
    Language("ara", "ar", "ARABIC", ("utf-8", "windows-1256"), ("sa", "com"), (
        "تفتح المكتبة أبوابها في التاسعة وتغلق عندما يغادر آخر قارئ.",
        "لكل شخص الحق في المشاركة في الحياة الثقافية للمجتمع.",
        "نزل المطر طوال الليل وبقيت السفن في الميناء.",
    )),
    Language("hin", "hi", "HINDI", ("utf-8",), ("in", "co.in"), (
        "पुस्तकालय नौ बजे खुलता है और अंतिम पाठक के जाने पर बंद होता है।",
        "प्रत्येक व्यक्ति को समाज के सांस्कृतिक जीवन में भाग लेने का अधिकार है।",
    )),
)  # fmt: skip

# Charset names as HTTP headers, meta elements and the index write them.
LABELS = {
    "utf-8": "UTF-8", "utf-16-le": "UTF-16LE", "windows-1252": "windows-1252", "iso-8859-1": "ISO-8859-1",
    "iso-8859-2": "ISO-8859-2", "windows-1250": "windows-1250", "iso-8859-9": "ISO-8859-9",
    "windows-1254": "windows-1254", "windows-1251": "windows-1251", "koi8-r": "KOI8-R",
    "iso-8859-7": "ISO-8859-7", "windows-1253": "windows-1253", "shift_jis": "Shift_JIS",
    "euc-jp": "EUC-JP", "gb18030": "GB18030", "gbk": "GBK", "euc-kr": "EUC-KR",
    "windows-1256": "windows-1256",
}  # fmt: skip

THEMES = (
    "Divi", "astra", "astra-child", "avada", "enfold", "flatsome", "generatepress", "hello-elementor",
    "hestia", "kadence", "neve", "oceanwp", "storefront", "twentyeleven", "twentyfifteen", "twentyseventeen",
    "twentytwentyfour", "woodmart", "x", "Impreza", "my_theme.v2", "7things", "%e3%83%86",
)  # fmt: skip
