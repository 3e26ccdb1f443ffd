import {
  asNebulaError,
  type Clock,
  makeRepeat,
  type Observe,
  outsideSpans,
  reportFault,
} from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { getRepository, listRepositories, type RepositoryRow } from "../../platform/store/index.ts";

/**
 * When a repository is looked at: at once when woken, and every `pollMs` whatever happens. A wake is a hint, the poll is the
 * truth.
 *
 * 1. One pass a repository at a time; wakes during a pass become one more pass.
 * 2. A pass that fails is repeated after 1, 2, 4... seconds, at most the poll's interval; the others go on.
 */
export type Watch = {
  /** Looks at a repository as soon as its running pass, if any, has ended. Resolves when a pass that began later is over. */
  wake(repositoryId: string): Promise<void>;
  start(): void;
  close(): Promise<void>;
};

type Slot = { running: Promise<void> | undefined; next: Promise<void> | undefined; failures: number };

export function makeWatch(options: {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly pollMs: number;
  /** Only what this reconciler looks after is looked at. Default: everything. */
  readonly holds?: (repositoryId: string) => boolean;
  readonly pass: (repository: RepositoryRow, signal: AbortSignal) => Promise<void>;
}): Watch {
  const { sql, clock, observe, pollMs, pass, holds = () => true } = options;
  const slots = new Map<string, Slot>();
  const retries = new Set<Promise<void>>();

  const slotOf = (id: string): Slot => {
    const found = slots.get(id) ?? { running: undefined, next: undefined, failures: 0 };
    slots.set(id, found);
    return found;
  };

  const passOnce = async (id: string, slot: Slot): Promise<void> => {
    try {
      const repository = await getRepository(sql, id);
      if (repository === undefined || polls.signal.aborted || !holds(id)) return;
      // A pass is about everything: what it does for a commit goes on with that commit's trace.
      await outsideSpans(() => pass(repository, polls.signal));
      slot.failures = 0;
    } catch (thrown) {
      if (!holds(id)) return; // whoever holds it by now does what was not finished
      reportFault(observe, "source.pass", thrown);
      slot.failures += 1;
      retryLater(id, slot.failures, asNebulaError(thrown).fields.retryAfterSeconds);
    }
  };

  /** A host that says how long to wait is not asked before; the poll asks it all the same. */
  const retryLater = (id: string, failures: number, afterSeconds: unknown): void => {
    const askedMs = typeof afterSeconds === "number" ? afterSeconds * 1000 : 0;
    const delayMs = Math.min(Math.max(1000 * 2 ** (failures - 1), askedMs), pollMs);
    const retry = clock.sleep(delayMs, polls.signal).then(() => {
      retries.delete(retry);
      if (!polls.signal.aborted) void wake(id);
    });
    retries.add(retry);
  };

  const wake = (id: string): Promise<void> => {
    if (polls.signal.aborted || !holds(id)) return Promise.resolve();
    const slot = slotOf(id);
    if (slot.next !== undefined) return slot.next;
    const before = slot.running ?? Promise.resolve();
    const turn = before.then(() => {
      slot.next = undefined;
      slot.running = passOnce(id, slot).finally(() => {
        slot.running = undefined;
      });
      return slot.running;
    });
    slot.next = turn;
    return turn;
  };

  const everyMs = () => pollMs * (0.9 + Math.random() * 0.2);
  const polls = makeRepeat({ clock, everyMs, where: "source.poll", observe }, async () => {
    for (const { id } of await listRepositories(sql)) void wake(id);
  });

  return {
    wake,
    start: polls.start,
    async close() {
      await polls.close();
      await Promise.all([...retries, ...[...slots.values()].flatMap(({ running, next }) => [running, next])]);
    },
  };
}
