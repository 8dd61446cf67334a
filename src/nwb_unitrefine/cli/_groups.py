"""Groups of commands that suggest the command that was meant."""

from __future__ import annotations

from difflib import get_close_matches

import click

__all__ = ["SuggestingGroup"]


class SuggestingGroup(click.Group):
    """A group that answers a misspelt command with the nearest one, as click does for options."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        commands = self.list_commands(ctx)
        if args[0] in commands or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        near = get_close_matches(args[0], commands, n=1)
        meant = f"Did you mean {near[0]!r}?" if near else f"Commands are {', '.join(commands)}."
        raise click.UsageError(f"There is no command {args[0]!r}. {meant}", ctx=ctx)
