"""The command line: `ike-harness COMMAND …`. Each command has a file here; a new one is added to COMMANDS."""

import os
import sys

import click

from harness import __version__
from harness.capture import CaptureError
from harness.cli.catalogue import list_command
from harness.cli.evidence import audit_command, judge_command, show_command
from harness.cli.report import report_command
from harness.cli.responder import responder_command
from harness.cli.run import run_command
from harness.cli.trial import trial_command
from harness.cli.wrong import WrongInput
from harness.record import printable
from harness.report.summary import INTERRUPTED, WRONG_USAGE

COMMANDS = (
    run_command,
    list_command,
    show_command,
    judge_command,
    audit_command,
    trial_command,
    report_command,
    responder_command,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ike-harness")
def group() -> None:
    """Conformance and fuzz tests for IKE responders.

    \b
    Exit status: 0 as expected, 1 a FAIL, 2 nothing worse than INCONCLUSIVE, 3 an error of the harness,
    64 wrong usage or unreadable input, 130 interrupted.
    """  # noqa: D301  click wants the \b


for _command in COMMANDS:
    group.add_command(_command)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit status. Wrong input is told in one sentence on stderr."""
    try:
        status = group.main(arguments, prog_name="ike-harness", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as why:
        click.echo(why.ctx.get_help() if why.ctx else "", err=True)
        return WRONG_USAGE
    except click.ClickException as why:
        return _wrong(f"{why.format_message()} {_hint(why)}".rstrip())
    except (WrongInput, CaptureError) as why:
        return _wrong(str(why))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  the reader has gone; nothing is left to tell it
        return 0
    return status if isinstance(status, int) else 0


def _wrong(sentence: str) -> int:
    click.echo(f"ike-harness: {printable(sentence)}", err=True)
    return WRONG_USAGE


def _hint(why: click.ClickException) -> str:
    context = getattr(why, "ctx", None)
    return f"See `{context.command_path} --help`." if context is not None else ""
