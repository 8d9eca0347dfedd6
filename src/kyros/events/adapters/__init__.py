"""The log's files, for people and auditors."""

from kyros.events.adapters.files.archive import JsonlArchive
from kyros.events.adapters.files.human import LogBook
from kyros.events.adapters.files.lines import JsonlLines
from kyros.events.adapters.files.writer import JsonlFile

__all__ = ["JsonlArchive", "JsonlFile", "JsonlLines", "LogBook"]
