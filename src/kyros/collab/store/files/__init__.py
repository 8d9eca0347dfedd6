"""State files: `store.py` shares rounds among writers, `keeper.py` is one round, `folder.py` the disk,
`sheet.py` the text, `pages.py` what is in memory of it, `choice.py` which homes have files at all."""

from kyros.collab.store.files.choice import Keeping, chosen
from kyros.collab.store.files.store import TOPIC, FileCollabStore

__all__ = ["TOPIC", "FileCollabStore", "Keeping", "chosen"]
