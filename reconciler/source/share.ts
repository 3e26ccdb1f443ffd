/**
 * Which repositories this reconciler looks after. Each has one holder, by a lease; several reconcilers share them evenly. Owns who
 * looks, not what is done then.
 *
 * 1. Whoever does not hold a repository does nothing about it: no pass, no review, no report.
 * 2. A fair share is the repositories over the reconcilers that are there, rounded up: together they cover all. Who has more gives
 *    one back at a time, and the others are told at once.
 * 3. What would harm when done twice is written in a transaction that holds the lease (`hold`).
 */
import { type Clock, isProvedDead, type Observe, reportFault } from "../../platform/core/index.ts";
import type { Pool, Sql } from "../../platform/sql/index.ts";
import {
  expireSingleton,
  holdSingleton,
  type KeptLease,
  keepLease,
  type LeaseTimes,
  leaseLost,
  listReplicas,
  listRepositories,
  listSingletons,
  usualLeases,
} from "../../platform/store/index.ts";

export type Share = {
  /** Resolves after the first look: what was free is ours. */
  start(): Promise<void>;
  holds(repository: string): boolean;
  /** @throws NEB300 when somebody else holds the repository by now. */
  hold(tx: Sql, repository: string): Promise<void>;
  /** Gives everything back; call it when no pass runs any more. */
  close(): Promise<void>;
};

export type ShareParts = {
  readonly sql: Pool;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly gained: (repository: string) => void;
  readonly lost: (repository: string) => void;
  /** Default: this process. */
  readonly holder?: string;
  readonly times?: LeaseTimes;
};

const nameOf = (repository: string) => `repository:${repository}`;

export function makeShare(parts: ShareParts): Share {
  const { sql, observe, times = usualLeases } = parts;
  const kept = new Map<string, KeptLease>();
  const releases: (() => unknown)[] = [];
  let looking: Promise<void> | undefined;
  let again = false;
  let closed = false;

  const take = async (repository: string): Promise<void> => {
    const lease = await keepLease(parts, nameOf(repository));
    if (lease === undefined) return;
    kept.set(repository, lease);
    const { name, fence } = lease;
    observe({ kind: "lease.taken", name, fence });
    lease.signal.addEventListener(
      "abort",
      () => {
        if (kept.get(repository) !== lease) return;
        kept.delete(repository);
        observe({ kind: "lease.lost", stack: name, fence });
        parts.lost(repository);
        look();
      },
      { once: true },
    );
    parts.gained(repository);
  };

  const giveBack = async (repository: string, lease: KeptLease): Promise<void> => {
    kept.delete(repository);
    parts.lost(repository);
    await lease.release();
  };

  const lookOnce = async (): Promise<void> => {
    const [repositories, leases, replicas] = await Promise.all([
      listRepositories(sql),
      listSingletons(sql),
      listReplicas(sql),
    ]);
    const reconcilers = replicas.filter(({ kind, alive, id }) => kind === "reconciler" && alive && !isProvedDead(id));
    const fair = Math.ceil(repositories.length / Math.max(1, reconcilers.length));
    for (const lease of leases) if (isProvedDead(lease.holder)) await expireSingleton(sql, lease);
    const [surplus] = [...kept].slice(fair);
    if (surplus !== undefined) await giveBack(...surplus);
    for (const { id } of repositories) {
      if (closed || kept.size >= fair) return;
      if (!kept.has(id)) await take(id);
    }
  };

  /** One look at a time; a call during one makes it look once more. */
  const look = (): void => {
    again = true;
    looking ??= (async () => {
      while (again && !closed) {
        again = false;
        await lookOnce().catch((thrown) => reportFault(observe, "source.share", thrown));
      }
    })().finally(() => {
      looking = undefined;
    });
  };

  return {
    async start() {
      releases.push(await sql.listen("nebula_leases", look));
      const timer = setInterval(look, times.heartbeatMs / 2);
      releases.push(() => clearInterval(timer));
      look();
      await looking;
    },
    holds: (repository) => kept.has(repository),
    async hold(tx, repository) {
      const lease = kept.get(repository);
      if (lease === undefined) throw leaseLost(`${nameOf(repository)} is not held here any more`);
      try {
        await holdSingleton(tx, lease);
      } catch (thrown) {
        void lease.release().catch(() => undefined); // by its signal everybody here learns that it is lost
        throw thrown;
      }
    },
    async close() {
      closed = true;
      for (const release of releases.splice(0)) await release();
      await looking;
      for (const [repository, lease] of [...kept]) await giveBack(repository, lease);
    },
  };
}
