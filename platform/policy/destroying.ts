import type { Policies, ProjectSpec } from "../spec/index.ts";

/** A retired database as it runs. Its time begins when its server was stopped, not when somebody wrote so. */
export type Retired = {
  readonly database: string;
  /** null: it still runs. */
  readonly retiredAt: Date | null;
};

/** A deletion that comes too early. */
export type Waiting = {
  readonly database: string;
  /** null: not known yet, because it is not retired yet. */
  readonly until: Date | null;
};

/**
 * Deletions whose grace time is not over. A database that never came to be has nothing to lose and does not wait.
 * @param retired what runs of the project's databases.
 */
export function deletionsWaiting(
  base: ProjectSpec | null,
  head: ProjectSpec,
  { retired, policies, now }: { readonly retired: readonly Retired[]; readonly policies: Policies; readonly now: Date },
): readonly Waiting[] {
  const kept = new Set(head.databases.map(({ name }) => name));
  const gone = (base?.databases ?? []).filter(({ name, retire }) => retire && !kept.has(name));
  return gone.flatMap(({ name }): Waiting[] => {
    const one = retired.find(({ database }) => database === name);
    if (one === undefined) return [];
    if (one.retiredAt === null) return [{ database: name, until: null }];
    const until = new Date(one.retiredAt.getTime() + policies.retireGraceSeconds * 1000);
    return until > now ? [{ database: name, until }] : [];
  });
}

/** How many databases one commit may delete before somebody approves it, of a repository that has so many. */
export const pruneBudget = ({ prune }: Policies, databases: number): number =>
  Math.max(prune.databases, Math.floor((prune.percent / 100) * databases));

/** In a sentence: when it may be deleted. */
export const describeWaiting = ({ database, until }: Waiting): string =>
  until === null
    ? `${database} is not stopped yet: its grace time begins when it is retired`
    : `${database} may be deleted after ${until.toISOString().slice(0, 16).replace("T", " ")} UTC: its grace time is not over`;
