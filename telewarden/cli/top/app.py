"""The terminal application of the live view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Label, Static, TabbedContent, TabPane

from ...errors import CommandFailedError, TelewardenError, WardenUnreachableError
from .views import VIEWS, State, View, advice, arranged, style_of, summary


class Warden(Protocol):
    """What is asked; blocking, in a thread of its own."""

    def state(self) -> dict[str, Any]:
        """How everything is."""
        ...

    def command(self, name: str, given: Mapping[str, object]) -> dict[str, Any]:
        """Carry out a command."""
        ...


class Question(ModalScreen[bool]):
    """A question that is answered by y or n."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]
    DEFAULT_CSS = """
    Question { align: center middle; }
    Question Label { padding: 1 2; border: round $warning; background: $surface; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question, alone."""
        yield Label(f"{self._question}  \\[y/n]")


class Top(App[None]):
    """A live view of a running warden.

    Args:
        warden: who is asked.
        every: seconds between two looks.
    """

    TITLE = "telewarden top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #summary { height: 2; padding: 0 1; background: $boost; }
    #summary.trouble { background: $error 40%; }
    #wanted { display: none; height: 1; border: none; }
    #wanted.shown { display: block; }
    #advice { height: 2; padding: 0 1; color: $text-muted; }
    TabbedContent, ContentSwitcher, TabPane { height: 1fr; padding: 0; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"view('{view.name}')", view.name, show=False)
            for number, view in enumerate(VIEWS, 1)
        ),
        Binding("slash", "find", "Find"),
        Binding("s", "sort(1)", "Sort"),
        Binding("S", "turn_round", "Reverse", show=False),
        Binding("space", "freeze", "Freeze"),
        Binding("r", "recover", "Recover"),
        Binding("p", "pause", "Pause/resume"),
        Binding("d", "drill", "Drill"),
        Binding("escape", "clear", "Clear", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, warden: Warden, *, every: float = 2.0) -> None:
        super().__init__()
        self._warden, self._every = warden, every
        self._summary, self._advice = Static("asking ...", id="summary"), Static("", id="advice")
        self._wanted = Input(placeholder="only rows with", id="wanted")
        self._tables: dict[str, DataTable[Text]] = {
            view.name: DataTable(cursor_type="row", zebra_stripes=True) for view in VIEWS
        }
        self._tabs = TabbedContent(initial=VIEWS[0].name)
        self._state: State | None = None
        self._frozen = False
        self._sorted: dict[str, tuple[int | None, bool]] = {}

    def compose(self) -> ComposeResult:
        """Summary, tables in tabs, advice, keys."""
        yield self._summary
        yield self._wanted
        with self._tabs:
            for number, view in enumerate(VIEWS, 1):
                with TabPane(f"{number} {view.name}", id=view.name):
                    yield self._tables[view.name]
        yield self._advice
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Look now, and again and again."""
        for view in VIEWS:
            table = self._tables[view.name]
            for column in view.columns:
                table.add_column(column.title, key=column.title)
        self._tables[VIEWS[0].name].focus()
        self._look()
        self.set_interval(self._every, self._look_again)

    # Looking

    def _look_again(self) -> None:
        if not self._frozen:
            self._look()

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        try:
            state = self._warden.state()
            state["operations"] = self._warden.command("operations list", {})["operations"]
        except TelewardenError as error:
            self.call_from_thread(self._tell_trouble, str(error))
        else:
            self.call_from_thread(self._show, state)

    def _show(self, state: State) -> None:
        self._state = state
        self._summary.update(Text(summary(state)))
        self._summary.set_class(not state["ready"], "trouble")
        self._draw()

    def _tell_trouble(self, why: str) -> None:
        self._summary.update(Text(why))
        self._summary.add_class("trouble")

    def _draw(self) -> None:
        if self._state is None:
            return
        view = self._view
        column, backwards = self._sorted.get(view.name, (None, False))
        rows = arranged(
            list(view.rows(self._state)),
            wanted=self._wanted.value,
            column=column,
            backwards=backwards,
        )
        table, now = self._tables[view.name], float(self._state["at"])
        cells = {key: _cells(view, values, now) for key, values in rows}
        if [row.value for row in table.rows] == list(cells):
            _change(table, cells)
        else:
            _fill(table, cells, _chosen(table))
        self._advise()

    def _advise(self) -> None:
        key = _chosen(self._tables[self._view.name])
        said = advice(self._state, key) if self._state is not None and key is not None else ""
        self._advice.update(Text(said))

    @property
    def _view(self) -> View:
        active = self._tabs.active
        return next(view for view in VIEWS if view.name == active)

    def on_tabbed_content_tab_activated(self) -> None:
        """Fill the table that is looked at now."""
        self._draw()
        self._tables[self._view.name].focus()

    def on_data_table_row_highlighted(self) -> None:
        """Say what to do about this one."""
        self._advise()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column that was clicked."""
        self._sort_by(event.column_index)

    # Keys

    def action_view(self, name: str) -> None:
        """Turn to another table."""
        self._tabs.active = name

    def action_freeze(self) -> None:
        """Stop the updates, or let them go on."""
        self._frozen = not self._frozen
        self.notify("frozen; space goes on" if self._frozen else "live again", timeout=2)

    def action_find(self) -> None:
        """Type what the rows shall have."""
        self._wanted.add_class("shown").focus()

    def action_clear(self) -> None:
        """Show all rows again."""
        found = self._wanted
        found.value = ""
        found.remove_class("shown")
        self._tables[self._view.name].focus()

    def on_input_changed(self) -> None:
        """Show only the rows that have what is typed."""
        self._draw()

    def on_input_submitted(self) -> None:
        """Go back to the rows."""
        self._tables[self._view.name].focus()

    def action_sort(self, step: int) -> None:
        """Sort by the next column; after the last one as it is told."""
        view = self._view
        column, _ = self._sorted.get(view.name, (None, False))
        following = 0 if column is None else column + step
        self._sort_by(following if following < len(view.columns) else None)

    def action_turn_round(self) -> None:
        """Sort the other way."""
        column, backwards = self._sorted.get(self._view.name, (None, False))
        if column is not None:
            self._sorted[self._view.name] = (column, not backwards)
            self._draw()

    def _sort_by(self, column: int | None) -> None:
        view = self._view
        before, backwards = self._sorted.get(view.name, (None, False))
        self._sorted[view.name] = (column, column == before and not backwards)
        self._draw()
        title = "as told" if column is None else f"by {view.columns[column].title}"
        self.notify(f"sorted {title}", timeout=2)

    def action_recover(self) -> None:
        """Let the session of this row climb the recovery ladder."""
        if self._view.name == "Sessions" and (name := _chosen(self._tables[self._view.name])):
            self._carry_out("recover", {"session": name}, f"{name}: recovering")
        else:
            self.notify("choose a session first (1)", severity="warning")

    def action_pause(self) -> None:
        """Pause the pair of this row, or let it go on."""
        key = _chosen(self._tables[self._view.name]) if self._view.name == "Pairs" else None
        pair = next((one for one in self._pairs() if str(one["id"]) == key), None)
        if pair is None:
            self.notify("choose a pair first (2)", severity="warning")
        elif pair["paused"]:
            self._carry_out("pairs resume", {"pair": pair["id"]}, f"pair {key} goes on")
        else:
            self._carry_out("pairs pause", {"pair": pair["id"]}, f"pair {key} is paused")

    @work
    async def action_drill(self) -> None:
        """Crash the child of this row, once it has been asked about."""
        path = _chosen(self._tables[self._view.name]) if self._view.name == "Tree" else None
        if path is None:
            self.notify("choose a child of the tree first (3)", severity="warning")
        elif await self.push_screen_wait(Question(f"Crash {path}, to see it come back?")):
            self._carry_out("drill", {"child": path}, f"{path}: struck")

    def _pairs(self) -> list[Mapping[str, Any]]:
        groups = () if self._state is None else self._state["groups"]
        return [pair for group in groups for pair in group["pairs"]]

    @work(thread=True, group="commands")
    def _carry_out(self, name: str, given: Mapping[str, object], done: str) -> None:
        try:
            self._warden.command(name, given)
        except (CommandFailedError, WardenUnreachableError) as error:
            self.call_from_thread(self.notify, str(error), severity="error", markup=False)
        else:
            self.call_from_thread(self.notify, done, markup=False)
            self.call_from_thread(self._look)


def _cells(view: View, values: tuple[Any, ...], now: float) -> tuple[Text, ...]:
    shown = (column.show(one, now) for column, one in zip(view.columns, values, strict=True))
    return tuple(Text(one, style=style_of(one), no_wrap=True) for one in shown)


def _chosen(table: DataTable[Text]) -> str | None:
    """The key of the row under the cursor."""
    if not table.is_valid_row_index(table.cursor_row):
        return None
    return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value


def _change(table: DataTable[Text], cells: Mapping[str, tuple[Text, ...]]) -> None:
    titles = [column.value or "" for column in table.columns]
    for key, row in cells.items():
        for title, cell in zip(titles, row, strict=True):
            if table.get_cell(key, title) != cell:
                table.update_cell(key, title, cell, update_width=True)


def _fill(
    table: DataTable[Text], cells: Mapping[str, tuple[Text, ...]], chosen: str | None
) -> None:
    """Put other rows in; the cursor stays on its row while that is there."""
    table.clear()
    for key, row in cells.items():
        table.add_row(*row, key=key)
    if chosen is not None and chosen in cells:
        table.move_cursor(row=table.get_row_index(chosen))
