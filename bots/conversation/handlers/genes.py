"""Trait inheritance: the gene card and its buttons, /genes, and the code that reproduces a child."""

from __future__ import annotations

from typing import Any

from bots.conversation.effects import Button, CloseQuestion, ReadCode, Rows
from bots.conversation.events import ButtonPressed, CodeRead, CommandGiven
from bots.conversation.handlers.requests import child_of, current_child, redraw_with, take_couple_of
from bots.conversation.state import Child
from bots.conversation.turn import Turn
from bots.i18n.parsing.traits import CHANCE, SOURCES, TRAITS, read_genes, read_source, says_reset

RESET = "reset"
IN_A_ROW = 2


def genes_command(turn: Turn, event: CommandGiven) -> None:
    """/genes eyes=mom nose=dad: choose. /genes reset: leave it all to chance. /genes: the card, with buttons."""
    if not event.argument:
        _show_card(turn)
    elif says_reset(event.argument):
        _reset(turn)
    elif (wanted := read_genes(event.argument)) is None:
        turn.say("bad_genes")
    else:
        _choose(turn, wanted)


def genes_pressed(turn: Turn, event: ButtonPressed) -> None:
    """Under a picture: its card. From then on we talk about its child, unless something else is under way."""
    source = event.source
    assert source is not None
    if not source.genes:
        turn.toast("no_genes")
    elif not turn.remember_press(f"genes:{source.job_id}"):
        turn.toast("already_told")
    else:
        child = child_of(source)
        busy = turn.state.drawing is not None or not take_couple_of(turn, source)
        if not busy:
            turn.talk_about(child)
        _tell_card(turn, source.genes, source.code, child, rows=() if busy else _rows(child.genes))


def _show_card(turn: Turn) -> None:
    """Of the child we talk about; before there is one, what was chosen so far."""
    child, shown = current_child(turn), turn.state.shown
    if child is not None and shown is not None:
        _tell_card(turn, shown.genes, shown.code, child, _rows(child.genes))
    elif turn.state.genes:
        turn.ask("genes", "ask_genes_chosen", _rows(turn.state.genes), traits=turn.state.genes)
    else:
        turn.ask("genes", "ask_genes", _rows({}))


def _tell_card(turn: Turn, genes: dict[str, str], code: str, child: Child, rows: Rows) -> None:
    told = {trait: [source, trait in child.genes] for trait, source in genes.items()}
    if rows:
        turn.ask("genes", "gene_card", rows, genes=told, code=code)
    else:
        turn.say("gene_card", genes=told, code=code)


def _rows(chosen: dict[str, str]) -> Rows:
    """A button for each trait; one that takes all choices back where there are some."""
    buttons = [Button(f"trait_{trait}", "trait", trait) for trait in TRAITS]
    rows: Rows = tuple(tuple(buttons[at : at + IN_A_ROW]) for at in range(0, len(buttons), IN_A_ROW))
    return (*rows, (Button("genes_by_chance", "trait", RESET),)) if chosen else rows


def trait_chosen(turn: Turn, event: ButtonPressed) -> None:
    """Ask which parent a trait should come from, or reset all traits to chance."""
    if event.value == RESET:
        turn.close_question("genes")
        turn.do(CloseQuestion("genes_reset"))
        _reset(turn, quietly=True)
    elif event.value in TRAITS:
        choices = [Button(f"gene_{source}", "gene", f"{event.value}_{source}") for source in (*SOURCES, CHANCE)]
        turn.ask(f"gene_{event.value}", "ask_gene", (tuple(choices),), trait=event.value)
    else:
        turn.toast("stale_button")


def source_chosen(turn: Turn, event: ButtonPressed) -> None:
    """Choose a trait's parent by button."""
    trait, _, source = event.value.partition("_")
    if trait not in TRAITS or source not in (*SOURCES, CHANCE):
        turn.toast("stale_button")
        return
    turn.close_question(f"gene_{trait}")
    turn.do(CloseQuestion("noted_traits", {"traits": {trait: source}}))
    _choose(turn, {trait: source}, quietly=True)


def source_said(turn: Turn, trait: str, text: str) -> bool:
    """The same as words: "dad". Whether it was an answer."""
    source = read_source(text)
    if source is not None:
        turn.close_question(f"gene_{trait}")
        _choose(turn, {trait: source})
    return source is not None


def _choose(turn: Turn, wanted: dict[str, str], *, quietly: bool = False) -> None:
    """Fix traits, or leave them to chance again; all others stay as they were."""
    child = current_child(turn)
    before = turn.state.genes if child is None else child.genes
    told = before | wanted
    genes = {trait: told[trait] for trait in TRAITS if told.get(trait, CHANCE) != CHANCE}
    _apply(turn, genes, "noted_traits", quietly=quietly, traits=wanted)


def _reset(turn: Turn, *, quietly: bool = False) -> None:
    _apply(turn, {}, "genes_reset", quietly=quietly)


def _apply(turn: Turn, genes: dict[str, str], noted: str, *, quietly: bool, **facts: Any) -> None:
    if current_child(turn) is None:
        turn.change(genes=genes)
    redraw_with(turn, {"genes": genes}, noted, quietly=quietly, **facts)


# The code


def code_command(turn: Turn, event: CommandGiven) -> None:
    """/code: that of the last child. /code RSTA-DWYB-5: draw that child again."""
    shown = turn.state.shown
    if event.argument:
        turn.do(ReadCode(event.argument, turn.reply_to))
    elif shown is None or not shown.code:
        turn.say("no_code")
    else:
        turn.say("code_told", code=shown.code)


def code_read(turn: Turn, event: CodeRead) -> None:
    """The child of a code, with the parents of this round."""
    if event.facts is None:
        turn.say("bad_code")
    elif turn.state.couple is None:
        turn.say("code_needs_photos")
    else:
        turn.close_question("genes")
        turn.draw("child", Child(*turn.state.couple, name_locale=turn.context.language, **event.facts))
