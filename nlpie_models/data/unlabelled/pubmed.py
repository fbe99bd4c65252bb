"""PubMed's yearly baseline (https://pubmed.ncbi.nlm.nih.gov/download): pubmed*.xml[.gz], title and abstract.

An article becomes its title and its abstract, with a line for every section of the abstract, after its label.
An article without an abstract is left out, and counted. The file is parsed while it is read, with expat, which fetches
nothing; a file that declares an entity is refused, as an entity can grow without bound.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from ...errors import DataError
from ..files import Failure, open_file, suffix_of
from ._corpus import Corpus, CorpusSource, Note

NO_ABSTRACT = "an article without an abstract"
_CHUNK = 2**16
_ARTICLE = ("PubmedArticleSet", "PubmedArticle")
_CITATION = (*_ARTICLE, "MedlineCitation")
_PMID = (*_CITATION, "PMID")
_TITLE = (*_CITATION, "Article", "ArticleTitle")
_SECTION = (*_CITATION, "Article", "Abstract", "AbstractText")


class _Articles:
    """The handlers of a parser, which gather one article after the other."""

    def __init__(self, path: Path, parser: Any) -> None:
        self.done: list[Note | Failure] = []
        self._path, self._parser = path, parser
        self._open: list[str] = []
        self._pmid: list[str] = []
        self._title: list[str] = []
        self._sections: list[tuple[str, list[str]]] = []
        self._target: list[str] | None = None
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler, parser.EntityDeclHandler = self._characters, self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        place = tuple(self._open)
        if place == _ARTICLE:
            self._pmid, self._title, self._sections = [], [], []
        elif place == _PMID:
            self._target = self._pmid
        elif place == _TITLE:
            self._target = self._title
        elif place == _SECTION:
            self._target = []
            self._sections.append((attributes.get("Label", ""), self._target))

    def _end(self, name: str) -> None:
        place = tuple(self._open)
        if place in (_PMID, _TITLE, _SECTION):
            self._target = None
        elif place == _ARTICLE:
            self.done.append(self._finish())
        self._open.pop()

    def _characters(self, data: str) -> None:
        if self._target is not None:
            self._target.append(data)

    def _refuse(self, *_: Any) -> NoReturn:
        raise DataError("declares an entity, which is refused")

    def _finish(self) -> Note | Failure:
        sections = [(label, _join(parts)) for label, parts in self._sections]
        lines = [f"{label}: {text}" if label else text for label, text in sections if text]
        if not lines:
            return Failure(f"{self._path}:{self._parser.CurrentLineNumber}", NO_ABSTRACT)
        return Note(_join(self._pmid), "\n".join(filter(None, [_join(self._title), *lines])))


def _join(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


def _read(path: Path, source: CorpusSource) -> Iterator[Note | Failure]:
    parser: Any = expat.ParserCreate()
    parser.buffer_text = True
    articles = _Articles(path, parser)
    with open_file(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                yield from articles.done
                raise DataError(f"not XML: {expat.ErrorString(error.code)} at line {error.lineno}") from None
            yield from articles.done
            articles.done.clear()
            if not chunk:
                return


def _fits(path: Path) -> bool:
    return suffix_of(path) == ".xml"


CORPUS = Corpus("pubmed", "PubMed baseline: titles and abstracts", ".xml[.gz]", _fits, _read)
