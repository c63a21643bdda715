"""A stock list in curses: arrows choose, e edits a quantity, / searches, F2 saves, q leaves."""

import curses
import os
import random
from pathlib import Path

FILE = Path("stock.csv")
TIPS = ("Count twice.", "Label every shelf.", "Heavy goods below.", "Close the door.")
TIP = random.Random(int(os.environ["AGENT_FACTORY_SEED"])).choice(TIPS)


def main(screen):
    curses.curs_set(1)
    rows = [line.split(",") for line in FILE.read_text().splitlines()]
    chosen, said = 0, TIP
    while True:
        screen.erase()
        screen.addstr(0, 0, "STOCK ROOM", curses.A_BOLD)
        for i, (name, count) in enumerate(rows):
            screen.addstr(i + 2, 0, f"{'>' if i == chosen else ' '} {name:<30}{count:>6}")
        screen.addstr(14, 0, said)
        screen.addstr(15, 0, "e edit  / search  F2 save  q quit")
        screen.move(chosen + 2, 0)
        key = screen.get_wch()
        said = ""
        if key == curses.KEY_DOWN:
            chosen = min(chosen + 1, len(rows) - 1)
        elif key == curses.KEY_UP:
            chosen = max(chosen - 1, 0)
        elif key == "e":
            told = ask(screen, "Quantity: ")
            if told.isdigit():
                rows[chosen][1] = told
            else:
                said = f"{told!r} is no quantity"
        elif key == "/":
            told = ask(screen, "Search: ")
            found = [i for i, row in enumerate(rows) if told.lower() in row[0].lower()]
            chosen, said = (found[0], "") if found else (chosen, f"nothing like {told!r}")
        elif key == curses.KEY_F2:
            FILE.write_text("".join(f"{name},{count}\n" for name, count in rows))
            said = "saved"
        elif key == "q":
            return


def ask(screen, what):
    screen.move(14, 0)
    screen.clrtoeol()
    screen.addstr(what)
    curses.echo()
    told = screen.getstr(14, len(what), 20).decode()
    curses.noecho()
    return told


curses.wrapper(main)
