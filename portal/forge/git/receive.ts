import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { type Git, serveGit } from "../../../platform/git/index.ts";
import type { Context } from "../context.ts";
import type { RefChange } from "../events/push-event.ts";
import type { Caller } from "../http/caller.ts";
import { afterRefChanges } from "../rules/references.ts";
import { judgeUpdate } from "../rules/update.ts";
import { mayChangeWorkflows } from "../rules/workflows.ts";
import type { Repository } from "../store/repositories.ts";
import { type PushCommand, readCommands } from "./commands.ts";

/**
 * A push: the rules are judged before git reads the pack, git applies them while it writes, and what was accepted has its
 * consequences (pull requests, events) before the client hears that it is done - also when the client has gone away.
 */
export async function receivePush(
  context: Context,
  caller: Caller,
  repository: Repository,
  input: Readable,
  output: Writable,
): Promise<void> {
  const { commands, whole } = await readCommands(input);
  const rules = await judge(context, caller, repository, commands);
  const scratch = await mkdtemp(join(tmpdir(), "nebula-push-"));
  const acceptedFile = join(scratch, "accepted");
  try {
    await serveGit(context.repositories.dir(repository), {
      ...{ service: "git-receive-pack", advertise: false, input: Readable.from(whole), output },
      config: {
        "core.hooksPath": context.repositories.hooksDir,
        "receive.fsckObjects": "true",
        "receive.maxInputSize": String(context.limits.pushBytes),
        "receive.hideRefs": "refs/pull",
        "receive.autogc": "false",
        "receive.denyDeleteCurrent": "ignore",
        "receive.advertisePushOptions": "false",
      },
      env: {
        ...rules,
        FORGE_WORKFLOWS: mayChangeWorkflows(caller, repository) ? "" : repository.defaultBranch,
        FORGE_ACCEPTED: acceptedFile,
      },
    });
  } finally {
    const changes = await acceptedChanges(context.repositories.git(repository), acceptedFile, commands);
    await rm(scratch, { recursive: true, force: true });
    await context.repositories.exclusive(repository, () =>
      afterRefChanges(context, repository, changes, caller.account()),
    );
  }
}

/** The verdicts, in the form that the update hook reads. */
async function judge(context: Context, caller: Caller, repository: Repository, commands: readonly PushCommand[]) {
  const judged = await Promise.all(
    commands.map(async ({ name, after }) => ({
      name,
      ...(await judgeUpdate(context, caller, repository, name, after)),
    })),
  );
  const lines = (items: readonly string[]) => items.join("\n");
  return {
    FORGE_REFUSED: lines(judged.flatMap(({ name, refused }) => (refused === null ? [] : [`${name} ${refused}`]))),
    FORGE_FORWARD: lines(judged.filter((verdict) => verdict.mustFastForward).map(({ name }) => name)),
    FORGE_LINEAR: lines(judged.filter((verdict) => verdict.mustBeLinear).map(({ name }) => name)),
  };
}

/** What the hook wrote; without it (git was cut short), those commands whose outcome the references show. */
async function acceptedChanges(
  git: Git,
  file: string,
  commands: readonly PushCommand[],
): Promise<readonly RefChange[]> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text !== undefined) {
    const accepted = new Set(text.split("\n").map((line) => line.slice(82)));
    return commands.filter(({ name }) => accepted.has(name));
  }
  const current = await Promise.all(commands.map(({ name }) => git.revParse(name).catch(() => undefined)));
  return commands.filter(({ before, after }, i) => before !== after && (current[i] ?? null) === after);
}
