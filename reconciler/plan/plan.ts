import { internalError } from "../../platform/core/index.ts";
import { deletedWithoutRetire } from "../../platform/policy/index.ts";
import {
  type DatabaseDiff,
  type DatabaseSpec,
  type Placement,
  type ProjectSpec,
  specHash,
  stackName,
} from "../../platform/spec/index.ts";
import { branchWhy, momentBlock } from "./branches.ts";
import { type Difference, differencesOf, elementwise } from "./differences.ts";
import { placementChanges } from "./errors.ts";
import { deletionWhy, judge } from "./rules.ts";
import {
  type Block,
  type Change,
  type Effect,
  effects,
  type Facts,
  type JsonValue,
  type Plan,
  type Risk,
  type Step,
} from "./types.ts";

/**
 * The steps from the last applied spec to the next one. Pure; see the invariants in index.ts.
 * @param previous null: nothing was ever applied.
 */
export function planProject(previous: ProjectSpec | null, next: ProjectSpec, facts: Facts = {}): Plan {
  const stack = stackName(next.tenant, next.project);
  if (previous !== null && stackName(previous.tenant, previous.project) !== stack)
    throw internalError(`a plan of ${stack} was asked from another project's spec`);
  const differences = differencesOf(previous, next);
  const judged = differences.databases.flatMap((diff) => stepOf(diff, next, facts) ?? []);
  const steps = judged.map(({ step, blocks }) => (blocks[0] === undefined ? step : { ...step, blocked: blocks[0] }));
  const project = differences.project.map(projectChange);
  const lives = (previous?.databases ?? []).length > 0;
  const blocked = [...(lives ? project.flatMap(projectBlock) : []), ...judged.flatMap(blocksOf)];
  const risk = riskOf(steps.flatMap(({ changes }) => changes));
  return { stack, steps, project, blocked, risk, hash: hashOf(stack, steps, project) };
}

/** A step, and everything that forbids it. */
type Judged = { readonly step: Step; readonly blocks: readonly Block[] };

function stepOf(diff: DatabaseDiff, { placement, databases }: ProjectSpec, facts: Facts): Judged | undefined {
  switch (diff.kind) {
    case "added":
      return createStep(diff.next, databases, facts);
    case "removed":
      return deleteStep(diff.previous);
    case "changed":
      return changeStep(diff, elementwise(diff.changes), placement, facts);
  }
}

function createStep(next: DatabaseSpec, databases: readonly DatabaseSpec[], facts: Facts): Judged {
  const { branch } = next;
  const why =
    branch !== undefined
      ? branchWhy(branch.of, branch.at)
      : next.retire
        ? "a new database, kept stopped"
        : "a new, empty database";
  const change: Change = { path: "", from: null, to: next as unknown as JsonValue, effect: "online", why };
  const parent = databases.find(({ name }) => name === branch?.of);
  const blocked = momentBlock(next, parent, facts);
  return {
    step: { kind: "create", database: next.name, changes: [change], risk: "none" },
    blocks: blocked === undefined ? [] : [blocked],
  };
}

function deleteStep(previous: DatabaseSpec): Judged {
  const { name, branch } = previous;
  const retire = previous.retire || branch !== undefined;
  const from = previous as unknown as JsonValue;
  const { code, hint } = deletedWithoutRetire.definition;
  const changes: Step["changes"] = [{ path: "", from, to: null, effect: "data-loss", why: deletionWhy(previous) }];
  return {
    step: { kind: "delete", database: name, changes, risk: "data-loss" },
    blocks: retire ? [] : [{ code, message: `${name} is deleted without being retired first`, hint }],
  };
}

function changeStep(
  { previous, next }: { readonly previous: DatabaseSpec; readonly next: DatabaseSpec },
  differences: readonly Difference[],
  placement: Placement,
  facts: Facts,
): Judged | undefined {
  if (differences.length === 0) return undefined;
  const known = { usedBytes: facts.usedBytes?.[next.name], ageSeconds: facts.ages?.get(next.name) };
  const blocks: Block[] = [];
  const changes = differences.map((difference): Change => {
    const { effect, why, blocked } = judge({ ...difference, placement, previous, next, ...known });
    if (blocked !== undefined) blocks.push(blocked);
    if (previous.retire && effect === "restart")
      return { ...difference, effect: "online", why: "used at its next start" };
    return { ...difference, effect, why };
  });
  const kind = previous.engine !== next.engine ? "replace" : next.retire && !previous.retire ? "retire" : "change";
  return { step: { kind, database: next.name, changes, risk: riskOf(changes) }, blocks };
}

function projectChange(difference: Difference): Change {
  if (difference.path === "previewBranches")
    return { ...difference, effect: "online", why: "what each pull request has branches of" };
  if (difference.path.startsWith("quota"))
    return { ...difference, effect: "online", why: "what the project may ask for" };
  return { ...difference, effect: "data-loss", why: "its databases would begin again elsewhere, empty" };
}

function projectBlock({ path, from, to, effect }: Change) {
  if (effect === "online") return [];
  const { code, hint } = placementChanges.definition;
  const message = `${path} changes from ${from} to ${to} while the project has databases`;
  return [{ database: null, code, message, hint }];
}

const blocksOf = ({ step: { database }, blocks }: Judged) => blocks.map((block) => ({ database, ...block }));

function riskOf(changes: readonly { readonly effect: Effect }[]): Risk {
  const worst = effects[Math.max(0, ...changes.map(({ effect }) => effects.indexOf(effect)))];
  return worst === undefined || worst === "online" ? "none" : worst;
}

function hashOf(stack: string, steps: readonly Step[], project: readonly Change[]): string {
  const deeds = (changes: readonly Change[]) =>
    changes.map(({ path, from, to, effect }) => ({ path, from, to, effect }));
  const done = steps.map(({ kind, database, changes, blocked }) => ({
    kind,
    database,
    changes: deeds(changes),
    blocked: blocked?.code ?? null,
  }));
  return specHash({ stack, steps: done, project: deeds(project) });
}
