import pLimit from "p-limit";
import {
  type Clock,
  failpoint,
  makeRepeat,
  type Observe,
  reportFault,
  systemClock,
} from "../../platform/core/index.ts";
import {
  type DriftCandidate,
  enqueueHeal,
  listDriftCandidates,
  type Operation,
  pruneDrift,
  recordLooks,
} from "../../platform/store/index.ts";
import { type Looked, type LookParts, lookAt } from "./look.ts";
import { findOrphans, type OrphanParts } from "./orphans.ts";

export type DriftReport = {
  readonly databases: number;
  /** Of them looked into, by asking their server. */
  readonly inspected: number;
  readonly open: number;
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  readonly healing: readonly Operation[];
};

export type DriftPass = {
  /** One pass now; joins one that is under way. `everything` looks into every server, whenever it was last done. */
  run(options?: { readonly everything?: boolean }): Promise<DriftReport>;
  /** A pass at once and then every interval. */
  start(): void;
  close(): Promise<void>;
};

export type DriftOptions = Omit<LookParts, "driver"> & {
  readonly driver: LookParts["driver"] & OrphanParts["driver"];
  readonly observe: Observe;
  readonly clock?: Clock;
  /** Between two looks at the cheap facts. Default: 20 s, so that a change shows within 30. */
  readonly intervalMs?: number;
  /** Within which every running server is asked once. Default: 10 minutes. */
  readonly periodMs?: number;
  /** Machines looked at at a time. */
  readonly concurrency?: number;
  /** How long a server may stand still while the status pass has not said that it cannot start it. Default: 10 minutes. */
  readonly startsWithinMs?: number;
};

/** A difference that healing did not take away is not healed again sooner. */
const quietSeconds = 900;

/**
 * Looks at everything that stands still, compares, and notes. Applies nothing.
 *
 * 1. What a deployment works on is not looked at, and what it has worked on meanwhile is not noted: a difference counts when a
 *    second look shows it again while the ledger's row and the stack's fence are still the same.
 * 2. Servers are asked a few at each pass, the longest unasked first, so that each is asked once a period and none at once.
 * 3. A server that should run and does not is the status pass's to start, and no drift while that may still come: after a start of
 *    the platform, after a crash. It is drift when the row is `Failed` - it was tried and did not work - or when nobody has for long.
 * 4. The cost grows with the number of databases and with nothing else: two queries, a look each, five statements.
 */
export function makeDriftPass(options: DriftOptions): DriftPass {
  const { sql, observe, clock = systemClock, intervalMs = 20_000, periodMs = 600_000, concurrency = 8 } = options;
  const { startsWithinMs = 600_000 } = options;
  const stopped = new Map<string, number>();
  let running: Promise<DriftReport> | undefined;
  let passes = 0;

  const pass = async (everything: boolean): Promise<DriftReport> => {
    const began = clock.monotonicMs();
    const candidates = await listDriftCandidates(sql, { periodSeconds: periodMs / 1000 });
    const share = Math.ceil((candidates.length * intervalMs * 1.25) / periodMs);
    const turn = new Set(everything ? candidates : dueFirst(candidates).slice(0, share));
    const looked = await lookAtAll(options, candidates, turn, concurrency);
    const looks = withoutStarting(looked, stopped, { nowMs: clock.monotonicMs(), startsWithinMs });
    const noted = await twice(options, looks, concurrency);
    failpoint("drift.looked");
    const { opened, closed } = await recordLooks(
      sql,
      noted.map(({ candidate, ...look }) => ({ ...look, instance: candidate.id, stack: candidate.stack })),
    );
    failpoint("drift.noted");
    for (const { instance, path } of opened) observe({ kind: "drift.opened", instance, path });
    for (const { instance, path } of closed) observe({ kind: "drift.closed", instance, path });
    const healing = await heal(options, noted);
    if (passes++ % Math.max(1, Math.round(periodMs / intervalMs)) === 0) {
      await findOrphans(options);
      await pruneDrift(sql);
    }
    const open = noted.reduce((sum, { differences }) => sum + differences.length, 0);
    const inspected = noted.filter((look) => look.inspected).length;
    const durationMs = clock.monotonicMs() - began;
    observe({ kind: "drift.passed", databases: noted.length, inspected, open, durationMs });
    const text = ({ instance, path }: { instance: string; path: string }) => `${instance} ${path}`;
    return {
      ...{ databases: noted.length, inspected, open, healing },
      ...{ opened: opened.map(text), closed: closed.map(text) },
    };
  };

  const run = ({ everything = false }: { readonly everything?: boolean } = {}) => {
    running ??= pass(everything).finally(() => {
      running = undefined;
    });
    return running;
  };

  const repeat = makeRepeat({ clock, everyMs: intervalMs, where: "drift.pass", observe }, () => run());

  return {
    run,
    start: repeat.start,
    close: async () => {
      await repeat.close();
      await running?.catch(() => undefined);
    },
  };
}

/** Invariant 3. `stopped`: since when each was seen standing still. */
function withoutStarting(
  looks: readonly Looked[],
  stopped: Map<string, number>,
  { nowMs, startsWithinMs }: { readonly nowMs: number; readonly startsWithinMs: number },
): readonly Looked[] {
  const still = new Set(looks.filter(({ differences }) => differences.some(isNotRunning)).map(idOf));
  for (const id of stopped.keys()) if (!still.has(id)) stopped.delete(id);
  return looks.map((look) => {
    if (!still.has(idOf(look))) return look;
    const sinceMs = stopped.get(idOf(look)) ?? nowMs;
    stopped.set(idOf(look), sinceMs);
    const isDrift = look.candidate.made?.phase === "Failed" || nowMs - sinceMs >= startsWithinMs;
    return isDrift ? look : { ...look, differences: look.differences.filter((one) => !isNotRunning(one)) };
  });
}

const idOf = ({ candidate }: Looked): string => candidate.id;
const isNotRunning = ({ path, declared, observed }: Looked["differences"][number]): boolean =>
  path === "running" && declared === true && observed === false;

/** Whose turn it is to be looked into: those that were never, then the longest ago. */
const dueFirst = (candidates: readonly DriftCandidate[]): DriftCandidate[] =>
  candidates
    .filter(({ stale }) => stale)
    .sort((a, b) => (a.inspectedAt?.getTime() ?? 0) - (b.inspectedAt?.getTime() ?? 0));

async function lookAtAll(
  parts: DriftOptions,
  candidates: readonly DriftCandidate[],
  turn: ReadonlySet<DriftCandidate>,
  concurrency: number,
): Promise<readonly Looked[]> {
  const limit = pLimit(concurrency);
  const looks = await Promise.all(
    candidates.map((candidate) =>
      limit(() =>
        lookAt(parts, candidate, turn.has(candidate)).catch((thrown) => {
          reportFault(parts.observe, "drift.look", thrown, candidate.id);
          return undefined;
        }),
      ),
    ),
  );
  return looks.filter((look) => look !== undefined);
}

/** Invariant 1: what showed a difference is looked at again, and only what both looks show is noted. */
async function twice(parts: DriftOptions, looks: readonly Looked[], concurrency: number): Promise<readonly Looked[]> {
  const doubtful = looks.filter(({ differences }) => differences.length > 0);
  if (doubtful.length === 0) return looks;
  const ids = doubtful.map(({ candidate }) => candidate.id);
  const now = new Map((await listDriftCandidates(parts.sql, { ids })).map((candidate) => [candidate.id, candidate]));
  const stood = doubtful.filter(({ candidate }) => isSame(candidate, now.get(candidate.id)));
  const again = await lookAtAll(
    parts,
    stood.map(({ candidate }) => candidate),
    new Set(stood.filter(({ inspected }) => inspected).map(({ candidate }) => candidate)),
    concurrency,
  );
  const after = new Map((await listDriftCandidates(parts.sql, { ids })).map((candidate) => [candidate.id, candidate]));
  const sure = again
    .filter(({ candidate }) => isSame(candidate, after.get(candidate.id)))
    .map((look) => both(look, doubtful));
  return [...looks.filter(({ differences }) => differences.length === 0), ...sure];
}

const isSame = (before: DriftCandidate, now: DriftCandidate | undefined): boolean =>
  now !== undefined && now.fence === before.fence && now.version === before.version && now.settled === before.settled;

function both(look: Looked, first: readonly Looked[]): Looked {
  const before = first.find(({ candidate }) => candidate.id === look.candidate.id);
  const seen = new Set(before?.differences.map(({ path }) => path));
  return { ...look, differences: look.differences.filter(({ path }) => seen.has(path)) };
}

/** What a fleet wants healed, a deployment for each stack. What only a person may decide is left to one. */
async function heal({ sql }: DriftOptions, looks: readonly Looked[]): Promise<readonly Operation[]> {
  const stacks = new Set(
    looks
      .filter(({ candidate, differences }) => candidate.policy === "heal" && differences.some(isHealable))
      .map(({ candidate }) => candidate.stack),
  );
  const queued: Operation[] = [];
  for (const stack of stacks) {
    const operation = await enqueueHeal(sql, { stack, database: null, requestedBy: "drift", quietSeconds });
    if (operation !== undefined) queued.push(operation);
  }
  return queued;
}

const isHealable = ({ effect }: Looked["differences"][number]) => effect !== "by hand";
