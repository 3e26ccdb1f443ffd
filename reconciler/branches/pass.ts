import { type Clock, makeRepeat, type Observe, systemClock } from "../../platform/core/index.ts";
import { type DatabaseInputs, expiredKeepSeconds } from "../../platform/provider/index.ts";
import { type ProjectSpec, previewLabel } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getProjects,
  listFailedBranches,
  listOverdueBranches,
  listPreviewBranches,
  listPreviewWishes,
} from "../../platform/store/index.ts";
import { queuePreviewMigrations } from "./preview-migrations.ts";
import { type PreviewChange, previewChanges } from "./previews.ts";

export type BranchPass = {
  /** One pass now; how many operations it queued. */
  run(): Promise<number>;
  start(): void;
  close(): Promise<void>;
};

type Options = { readonly sql: Sql; readonly observe: Observe; readonly clock?: Clock; readonly intervalMs?: number };

const requestedBy = "reconciler";
/** What failed is tried again so much later. */
const retrySeconds = 600;

export function makeBranchPass({ sql, observe, clock = systemClock, intervalMs = 15_000 }: Options): BranchPass {
  const run = async (): Promise<number> => {
    const left = new Set((await listFailedBranches(sql, retrySeconds)).map(idOf));
    const overdue = (await listOverdueBranches(sql, expiredKeepSeconds)).filter((one) => !left.has(idOf(one)));
    for (const { stack, database } of overdue)
      await enqueueOperation(sql, { stack, database, type: "BRANCH", params: { verb: "expire" }, requestedBy });
    const changes = (await wantedChanges(sql)).filter((one) => !left.has(idOf(one)));
    for (const change of changes) await queue(sql, change);
    const migrating = await queuePreviewMigrations(sql);
    return overdue.length + changes.length + migrating;
  };

  const repeat = makeRepeat({ clock, everyMs: intervalMs, where: "branches.pass", observe }, run);
  return { run, start: repeat.start, close: repeat.close };
}

type Named = { readonly stack: string; readonly database: string };
const idOf = ({ stack, database }: Named): string => `${stack}.${database}`;

async function wantedChanges(sql: Sql): Promise<readonly PreviewChange[]> {
  const [pulls, existing] = await Promise.all([listPreviewWishes(sql, previewLabel), listPreviewBranches(sql)]);
  const stacks = [...new Set([...pulls.flatMap((pull) => pull.stacks), ...existing.map(({ stack }) => stack)])];
  const projects = stacks.length === 0 ? [] : await getProjects(sql, stacks);
  const running = new Map(
    projects.flatMap(({ stack, appliedSpec }): [string, ProjectSpec][] =>
      appliedSpec === null ? [] : [[stack, appliedSpec]],
    ),
  );
  return previewChanges(pulls, running, existing);
}

async function queue(sql: Sql, change: PreviewChange): Promise<void> {
  const { stack, database, kind } = change;
  const asked = { stack, database, type: "BRANCH", requestedBy } as const;
  if (kind === "close") return void (await enqueueOperation(sql, { ...asked, params: { verb: "close" } }));
  const [tenant = "", project = ""] = stack.split(".");
  const inputs: DatabaseInputs = { tenant, project, placement: "local", region: "local", ...change.spec };
  const pullNumber = change.spec.branch?.pull ?? null;
  await enqueueOperation(sql, { ...asked, pullNumber, params: { verb: "open", inputs } });
}
