import type { InstanceFacts, InstanceInside } from "../../platform/compute/index.ts";
import {
  canonicalJson,
  type DatabaseId,
  type DatabaseSpec,
  diffProject,
  objectNames,
} from "../../platform/spec/index.ts";
import type { DriftCandidate, DriftEffect } from "../../platform/store/index.ts";
import { insideDifferences } from "./inside-differences.ts";
import { effectOfSetting } from "./setting-effect.ts";

/** One thing that is not as declared. `path` is the spec's own where the spec has a word for it. */
export type Difference = {
  readonly path: string;
  readonly declared: unknown;
  readonly observed: unknown;
  readonly effect: DriftEffect;
  /** Only a look inside the server sees it, so only such a look can say that it is gone. */
  readonly inside: boolean;
};

/** What should be: the text in force where it is what was deployed, else what was deployed last. */
export type Declared = Pick<DriftCandidate, "id" | "made" | "declared" | "settled">;

/** What a look at the machine came to. */
export type Observed = {
  /** Undefined: there is no such instance. "unreadable": there is, and its own files do not tell what it is. */
  readonly facts: InstanceFacts | undefined | "unreadable";
  /** Undefined when the server was not asked: it was not time, or it does not run. */
  readonly inside: InstanceInside | "refused" | "no database" | undefined;
};

/**
 * What differs, sorted by path, each path once. Pure. What the declaration does not speak of - a tenant's objects, roles that
 * somebody made by SQL, extensions beyond those declared - is in nothing that is compared here.
 */
export function driftOf(declared: Declared, observed: Observed): readonly Difference[] {
  const { made } = declared;
  const wanted = declared.settled ? declared.declared : (made?.spec ?? null);
  if (made === null) return wanted === null ? [] : [byHand("database", wanted.name, null)];
  if (wanted === null) return [byHand("database", null, made.spec.name)];
  const { facts, inside } = observed;
  if (facts === "unreadable") return [byHand("data", "readable", "unreadable")];
  if (facts === undefined) return [byHand("data", "present", "missing")];
  const found = [
    ...factDifferences(declared.id, made, wanted, facts),
    ...specDifferences(made.spec, wanted),
    ...(inside === undefined ? [] : insideDifferences(declared.id, wanted, inside)),
  ];
  return onePerPath(found);
}

const byHand = (path: string, declared: unknown, observed: unknown): Difference => ({
  ...{ path, declared, observed },
  effect: "by hand",
  inside: false,
});

type Made = NonNullable<DriftCandidate["made"]>;

function factDifferences(id: DatabaseId, made: Made, wanted: DatabaseSpec, facts: InstanceFacts): Difference[] {
  const [tenant = "", project = ""] = id.split(".");
  const names = objectNames(tenant, project, wanted.name);
  const compare = (path: string, declared: unknown, observed: unknown, effect: DriftEffect): Difference[] =>
    canonicalJson(declared) === canonicalJson(observed) ? [] : [{ path, declared, observed, effect, inside: false }];
  return [
    ...(facts.ours ? [] : [byHand("installation", "this", facts.owner)]),
    ...(facts.phase === "Damaged" ? [byHand("data", "whole", "damaged")] : []),
    ...identityDifferences(made, facts),
    ...runningDifferences(made, wanted, facts),
    ...compare("version", wanted.version, facts.version, "by hand"),
    ...compare("databaseName", names.database, facts.databaseName, "by hand"),
    ...compare("ownerRole", names.ownerRole, facts.ownerRole, "by hand"),
    ...compare("compute.maxUnits", wanted.compute.maxUnits, facts.units, "restart"),
    ...compare("storageBytes", wanted.storageBytes, facts.storageBytes, "in place"),
    ...compare("allowFrom", sorted(wanted.allowFrom), sorted(facts.allowFrom), "in place"),
    ...compare("extensions", sorted(wanted.extensions), sorted(facts.extensions), "restart"),
    ...compare("tags", wanted.tags, facts.tags, "in place"),
    ...facts.files.map(({ name, given, found }) => ({
      ...{ path: `settings.${name}`, declared: given, observed: found, effect: effectOfSetting(name), inside: false },
    })),
  ];
}

/** A folder that is not the one that was made for it holds somebody else's data: only a person may say what is right. */
function identityDifferences({ identity }: Made, facts: InstanceFacts): Difference[] {
  if (facts.identity === null) return identity === null ? [] : [byHand("data.identity", identity, null)];
  if (identity !== null && identity !== facts.identity) return [byHand("data.identity", identity, facts.identity)];
  return facts.folderIdentity === facts.identity ? [] : [byHand("data.identity", facts.identity, facts.folderIdentity)];
}

function runningDifferences(made: Made, wanted: DatabaseSpec, { phase, running }: InstanceFacts): Difference[] {
  const differs = (path: string, declared: unknown, observed: unknown): Difference[] => [
    { path, declared, observed, effect: "in place", inside: false },
  ];
  if (phase === "Damaged") return [];
  if (wanted.retire) return phase === "Retired" && !running ? [] : differs("running", false, running || phase);
  if (made.phase === "Paused") return phase === "Paused" && !running ? [] : differs("phase", "Paused", phase);
  if (phase === "Paused" || phase === "Retired") return differs("phase", "Ready", phase);
  return running || phase === "Asleep" ? [] : differs("running", true, false);
}

/** What was brought about last against what is declared: a `pulumi up` of a text that is not in force. */
function specDifferences(made: DatabaseSpec, wanted: DatabaseSpec): Difference[] {
  const around = { tenant: "t", project: "p", placement: "local", region: "r", quota: null } as const;
  const { databases } = diffProject({ ...around, databases: [made] }, { ...around, databases: [wanted] });
  return databases.flatMap((database) =>
    database.kind !== "changed"
      ? []
      : database.changes.flatMap(({ path, from, to }): Difference[] =>
          path.startsWith("tags") ? [] : [{ path, declared: to, observed: from, effect: "in place", inside: false }],
        ),
  );
}

const sorted = (values: readonly string[]) => [...values].sort();

/** The machine's own word before the ledger's, a file's before the server's: the first of a path stays. */
function onePerPath(found: readonly Difference[]): readonly Difference[] {
  const first = new Map<string, Difference>();
  for (const one of found) if (!first.has(one.path)) first.set(one.path, one);
  return [...first.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
