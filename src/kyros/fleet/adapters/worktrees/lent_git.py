"""The agent's own `.git`: made anew for each run, thrown away after it, never opened by us.

What an agent plants there (config, hooks, links, refs) reaches nobody: our side of a slot is another git
directory beside the folder. Its `origin` can be fetched from; pushing is Kyros's to do.
"""

import shutil
from pathlib import Path, PurePosixPath

from kyros.infra.files import remove_tree

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
\tlogallrefupdates = true
[gc]
\tauto = 0
[user]
\tname = Kyros agent
\temail = agent@kyros.invalid
[remote "origin"]
\turl = {bare}
\tpushurl = kyros-pushes-what-belongs-when-the-agent-is-done
\tfetch = +refs/heads/*:refs/remotes/origin/*
"""


def equip(folder: Path, bare: Path, branch: str, sha: str, index: Path) -> None:
    """A fresh git directory in `folder`, on `branch` at `sha`, with a copy of `index`."""
    git = folder / ".git"
    remove_tree(git)
    for name in ("objects/info", "objects/pack", f"refs/heads/{PurePosixPath(branch).parent}"):
        (git / name).mkdir(parents=True, exist_ok=True)
    (git / "config").write_text(_CONFIG.format(bare=bare))
    (git / "objects/info/alternates").write_text(f"{bare / 'objects'}\n")
    (git / "refs/heads" / branch).write_text(f"{sha}\n")
    (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    shutil.copyfile(index, git / "index")
