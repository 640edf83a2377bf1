"""The command line: `ike-harness COMMAND …`. A command is a file here and a line in COMMANDS."""

import os
import sys
from importlib import import_module

import click

from harness import __version__
from harness.capture import CaptureError
from harness.cli.wrong import WrongInput
from harness.record import printable
from harness.report.summary import INTERRUPTED, WRONG_USAGE

COMMANDS = {
    "run": "harness.cli.run:run_command",
    "list": "harness.cli.catalogue:list_command",
    "show": "harness.cli.show:show_command",
    "judge": "harness.cli.judge:judge_command",
    "audit": "harness.cli.audit:audit_command",
    "watch": "harness.cli.watch:watch_command",
    "trial": "harness.cli.trial:trial_command",
    "fuzz": "harness.cli.fuzz:fuzz_command",
    "replay": "harness.cli.fuzz:replay_command",
    "report": "harness.cli.report:report_command",
    "compare": "harness.cli.compare:compare_command",
    "responder": "harness.cli.responder:responder_command",
    "targets": "harness.cli.targets:targets_command",
}
"""Where each command stands; it is imported when it is called, so that none pays for what the others need."""


class Commands(click.Group):
    """The commands of COMMANDS, in its order."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ike-harness")
def group() -> None:
    """Conformance and fuzz tests for IKE responders.

    \b
    Exit status: 0 as expected, 1 a FAIL, 2 nothing worse than INCONCLUSIVE, 3 an error of the harness,
    64 wrong usage or unreadable input, 130 interrupted.
    """  # noqa: D301  click wants the \b


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit status. Wrong input is told in one sentence on stderr."""
    try:
        with group.make_context("ike-harness", sys.argv[1:] if arguments is None else arguments) as context:
            status = group.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as why:
        click.echo(why.format_message(), err=True)
        return WRONG_USAGE
    except click.ClickException as why:
        return _wrong(f"{why.format_message()} {_hint(why)}".rstrip())
    except (WrongInput, CaptureError) as why:
        return _wrong(str(why))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader has gone: let nothing else fail
        return 0
    return status if isinstance(status, int) else 0


def _wrong(sentence: str) -> int:
    click.echo(f"ike-harness: {printable(sentence)}", err=True)
    return WRONG_USAGE


def _hint(why: click.ClickException) -> str:
    context = getattr(why, "ctx", None)
    return f"See `{context.command_path} --help`." if context is not None else ""
