"""A proof as a picture: the path from the signed header through the trees to the rows.

Theory: a bundle opens some of the 64 slots of some branches. Each branch shown is a strip of 64 cells, the opened ones marked by
what lies there; a branch's strip stands below the cell that it lies in. All is read from the bundle (`pruned`), nothing from a
store. Invariant: the file needs no font, script or address from elsewhere, and text from the data cannot become markup.
"""

from __future__ import annotations

import html

from hyperdb import reports
from hyperdb.cli.pruned import Pruned, read
from hyperdb.cli.words import content, shown, told
from hyperdb.commitment.verify.places import INCIDENCE, MEMBER, parse
from hyperdb.commitment.verify.tree import Branch, Leaf

_SLOTS = 64
_CELL = 13
_LEFT = 28
_WIDTH = 2 * _LEFT + _SLOTS * _CELL
_LINE = 18
_GAP = 6
_MOST_TEXT = 112
"""Characters that fit a line."""
_MOST_STRIPS = 48
_MOST_LEAVES = 96
"""What is drawn of a large bundle; the rest is counted."""
_FONT = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'
_SHAPES = f"""
text {{ font: 12px {_FONT}; white-space: pre; }}
.head {{ font-weight: bold; font-size: 14px; }} .tick {{ font-size: 9px; }}
.box, .link, .mark {{ fill: none; }} .mark, .void {{ stroke-width: 1.6; }}
"""
_COLOURS = """
text {{ fill: {ink}; }} .faint, .tick {{ fill: {faint}; }} .paper {{ fill: {paper}; }} .box, .link {{ stroke: {ink}; }}
.zoom {{ fill: {zoom}; }} .closed {{ fill: {paper}; stroke: {line}; }} .empty {{ fill: {paper}; stroke: {void}; }}
.row {{ fill: {row}; stroke: {row}; }} .other {{ fill: {other}; stroke: {other}; }}
.branch {{ fill: {branch}; stroke: {branch}; }} .mark {{ stroke: {paper}; }} .void {{ stroke: {void}; }}
"""
_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1c2430",
    "faint": "#667085",
    "line": "#c3cad5",
    "zoom": "#eef2f8",
    "void": "#8a94a6",
    "row": "#1a7f4b",
    "other": "#b45f06",
    "branch": "#2557c7",
}
_DARK = {
    "paper": "#12161d",
    "ink": "#e6eaf2",
    "faint": "#98a2b3",
    "line": "#3a4456",
    "zoom": "#1e2635",
    "void": "#76839a",
    "row": "#3fbf7f",
    "other": "#f0a04b",
    "branch": "#7da2ff",
}
# No variables of CSS: many programs that show SVG do not know them.
_STYLE = f"{_SHAPES}{_COLOURS.format(**_LIGHT)}@media (prefers-color-scheme: dark) {{{_COLOURS.format(**_DARK)}}}"
_LEGEND = (
    ("row", "an entry, shown"),
    ("other", "another entry: its key only"),
    ("branch", "a branch, opened below"),
    ("empty", "proved empty"),
    ("closed", "not opened"),
)


def picture(bundle: bytes) -> str:
    """The SVG of a bundle about an app.

    Raises:
        VerificationError: it does not verify under its own root.
        InvalidError: it is about no app.
    """
    return _Sheet(read(bundle)).svg()


class _Sheet:
    """Draws from the top down; `_at` is where the next thing goes."""

    def __init__(self, held: Pruned) -> None:
        self._held = held
        self._parts: list[str] = []
        self._at = 24
        self._strips = self._leaves = 0
        self._hidden = [0, 0]
        """Strips and leaves that were not drawn."""
        self._header()
        self._apps()
        for tree, root in enumerate(held.trees):
            self._tree(tree, root)
        self._end()

    def svg(self) -> str:
        """The whole file."""
        about = html.escape(f"Proof about {shown(self._held.verified.app)} under frame {self._held.verified.frame.number}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{self._at}" viewBox="0 0 {_WIDTH} {self._at}" '
            f'role="img" aria-label="{about}">\n<title>{about}</title>\n<style>{_STYLE}</style>\n'
            f'<rect class="paper" width="{_WIDTH}" height="{self._at}"/>\n' + "\n".join(self._parts) + "\n</svg>\n"
        )

    # What is said.

    def _header(self) -> None:
        verified = self._held.verified
        header = verified.frame
        lines = [
            f"sealed {reports.utc(header.time_ms)}, commit {header.commit}, store {header.store.hex()}",
            f"root {header.root.hex()}",
        ]
        if verified.contains is not None:
            lines.append(f"its history holds frame {verified.contains.number}, root {verified.contains.root.hex()}")
        if verified.signer is not None:
            lines.append(f"signed by the store's key {verified.signer.hex()[:32]}...")
        self._box(f"Frame {header.number}", lines)

    def _apps(self) -> None:
        apps = self._held.apps
        self._arrow()
        if apps is None:
            self._text("Tree of apps: empty, so there is no such app", "head")
            return
        self._text(f"Tree of apps: {_entries(apps, 'app')}, the header holds its root", "head")
        self._branch(apps, apps=True)
        lines = [line for line in [self._app_trees()] if line]
        attestation = self._held.verified.attestation
        if attestation is not None:
            lines.append(f"attested by the owner's key {attestation.owner.hex()[:32]}...")
        self._arrow()
        self._box(f"App {shown(self._held.verified.app)}", lines or ["not there: the slots above show it"])

    def _app_trees(self) -> str:
        trees = ", ".join(name for name, root in zip(reports.TREES, self._held.trees, strict=True) if root is not None)
        return f"its root binds four trees; not empty: {trees}" if trees else ""

    def _tree(self, tree: int, root: Branch | None) -> None:
        if root is None or tree not in self._held.touched:
            return
        self._arrow()
        self._text(f"Tree of {reports.TREES[tree]}: {_entries(root, 'entry')}", "head")
        self._branch(root, apps=False)

    def _end(self) -> None:
        self._at += 8
        strips, leaves = self._hidden
        if strips or leaves:
            self._text(f"Not drawn: {strips} more branches and {leaves} more entries of this proof.", "faint")
        for answer in self._held.verified.answers:
            sentence, standing = told(answer)
            self._text(f"{standing}: {sentence}", "head")
        x = _LEFT
        self._at += 6
        for kind, meaning in _LEGEND:
            self._parts.append(_cell(x, self._at, kind))
            self._parts.append(f'<text class="faint" x="{x + 18}" y="{self._at + 11}">{meaning}</text>')
            x += 34 + round(7.3 * len(meaning))
        self._at += 36

    # How it is drawn.

    def _text(self, line: str, kind: str = "", indent: int = 0) -> None:
        room = _MOST_TEXT - indent // 7 - (16 if kind == "head" else 0)
        cut = line if len(line) <= room else f"{line[: room - 3]}..."
        text = html.escape(cut, quote=False)
        self._parts.append(f'<text class="{kind}" x="{_LEFT + indent}" y="{self._at + 12}">{text}</text>')
        self._at += _LINE

    def _box(self, title: str, lines: list[str]) -> None:
        height = 14 + _LINE * (1 + len(lines))
        self._parts.append(
            f'<rect class="box" x="{_LEFT - 10}" y="{self._at}" width="{_WIDTH - 2 * _LEFT + 20}" height="{height}" rx="6"/>'
        )
        self._at += 6
        self._text(title, "head")
        for line in lines:
            self._text(line)
        self._at += 8

    def _arrow(self) -> None:
        x, y = _LEFT + 20, self._at
        self._parts.append(f'<path class="link" d="M{x} {y}v16m-4 -5l4 5l4 -5"/>')
        self._at += 22

    def _branch(self, root: Branch, *, apps: bool) -> None:
        """A branch and all below it, each strip under the last one."""
        stack: list[tuple[Branch, tuple[int, int] | None]] = [(root, None)]
        while stack:
            branch, cell = stack.pop()
            if self._strips == _MOST_STRIPS:
                self._hidden[0] += 1
            else:
                self._strips += 1
                bottom = self._strip(branch, cell)
                leaves = [(slot, found) for slot, found in sorted(branch.slots.items()) if isinstance(found, Leaf)]
                for slot, leaf in leaves:
                    self._leaf(slot, leaf, apps)
                self._at += _GAP if leaves else 0
                below = [(slot, found) for slot, found in sorted(branch.slots.items()) if isinstance(found, Branch)]
                # The first one follows at once, so that its strip can be drawn as what the cell magnifies.
                for place, (slot, found) in reversed(list(enumerate(below))):
                    stack.append((found, (_LEFT + slot * _CELL, bottom) if place == 0 else None))

    def _strip(self, branch: Branch, cell: tuple[int, int] | None) -> int:
        """Draws one; the lower edge of its cells."""
        if cell is not None:
            x, y = cell
            right, top = _WIDTH - _LEFT, self._at + _LINE + 2
            # Behind what was written since: what lies in the cell is the whole strip.
            self._parts.insert(0, f'<path class="zoom" d="M{x} {y}h{_CELL - 2}L{right} {top}H{_LEFT}Z"/>')
        path = ".".join(map(str, branch.path))
        if path:
            self._text(f"at {path}: {_entries(branch, 'entry')}", "faint")
        top = self._at + 2
        for slot in range(_SLOTS):
            self._parts.append(_cell(_LEFT + slot * _CELL, top, _kind(branch, slot)))
        for slot in (0, 16, 32, 48, 63):
            self._parts.append(f'<text class="tick" x="{_LEFT + slot * _CELL}" y="{top + _CELL + 9}">{slot}</text>')
        self._at = top + _CELL + 14
        return top + _CELL - 1

    def _leaf(self, slot: int, leaf: Leaf, apps: bool) -> None:
        if self._leaves == _MOST_LEAVES:
            self._hidden[1] += 1
            return
        self._leaves += 1
        mark = "row" if leaf.row is not None else "other"
        self._parts.append(_cell(_LEFT + 8, self._at + 1, mark))
        self._text(f"slot {slot}: {self._app_leaf(leaf) if apps else self._entry(leaf)}", indent=28)

    def _app_leaf(self, leaf: Leaf) -> str:
        name = shown(self._held.verified.app)
        return f"the app {name}" if leaf.row is not None else f"another app, at {leaf.key.hex()[:16]}..."

    def _entry(self, leaf: Leaf) -> str:
        if leaf.row is None:
            return f"another {self._place(leaf.key)}, {leaf.size} bytes, commit {leaf.version}"
        row = self._held.rows[leaf.row]
        return f"{self._place(leaf.key, row.name)}, commit {row.version}: {content(row)}"

    def _place(self, key: bytes, name: bytes | None = None) -> str:
        """Of which sort an entry is, and its name."""
        parsed = parse(key)
        named = shown(parsed.rest if name is None else name)
        if parsed.space == MEMBER:
            owner = self._held.collections.get(parsed.cid or 0)
            return f"member {named} of {f'collection {parsed.cid}' if owner is None else shown(owner)}"
        return f"membership {named}" if parsed.space == INCIDENCE else f"element {named}"


def _entries(branch: Branch, noun: str) -> str:
    plural = {"app": "apps", "entry": "entries"}[noun]
    return f"{branch.count} {noun if branch.count == 1 else plural}, {branch.size} bytes"


def _kind(branch: Branch, slot: int) -> str:
    if slot not in branch.slots:
        return "closed"
    found = branch.slots[slot]
    if found is None:
        return "empty"
    return "branch" if isinstance(found, Branch) else "other" if found.row is None else "row"


def _cell(x: int, y: int, kind: str) -> str:
    """A slot; each kind has a mark of its own besides its colour."""
    size = _CELL - 2
    marks = {
        "row": f'<path class="mark" d="M{x + 2.5} {y + 5.5}l2.5 3l4 -6"/>',
        "other": f'<circle class="mark" cx="{x + size / 2}" cy="{y + size / 2}" r="2.4"/>',
        "branch": f'<path class="mark" d="M{x + 2.5} {y + 4}l3 4l3 -4"/>',
        "empty": f'<path class="void" d="M{x + 2.5} {y + size - 2.5}l6 -6"/>',
    }
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{size}" height="{size}" rx="2"/>{marks.get(kind, "")}'
