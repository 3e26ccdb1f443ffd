import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRecord } from "../output.ts";
import type { Operation, Repository } from "../types.ts";
import { connect, type Output } from "./shared.ts";

/**
 * Accepts what was stopped: the plan of one deployment - named by its operation, or by its project - or what a whole repository was
 * stopped for. Without a name: the repository that is stalled, else the newest deployment that waits for an approval.
 */
export async function approve(named: string | undefined, { output }: Output): Promise<void> {
  const client = connect();
  const path = await whatToApprove(client, named);
  printRecord(
    await client.send<Record<string, unknown>>("POST", path, path.includes("/operations/") ? {} : undefined),
    output,
  );
}

async function whatToApprove(client: Client, named: string | undefined): Promise<string> {
  if (named?.startsWith("op_")) return operationPath(named);
  const [domain, project, ...rest] = named?.split(/[./]/) ?? [];
  if (named !== undefined && (project === undefined || rest.length > 0))
    throw new CommandFailure(`${named} is no operation, no project (tenant/project) and no repository (owner/name)`, {
      exitCode: exitCodes.usage,
    });
  const repositories = await orNone(client.get<{ items: Repository[] }>("/api/v1/repositories"));
  const repository = repositories.find(({ owner, name, stalled }) =>
    named === undefined ? stalled !== null : `${owner}/${name}` === named,
  );
  if (repository !== undefined) return `/api/v1/repositories/${repository.owner}/${repository.name}/approve`;
  const query = { type: "DEPLOY", limit: 100, ...(domain === undefined ? {} : { domain, project }) };
  const operations = await orNone(client.get<{ items: Operation[] }>("/api/v1/operations", query));
  const newest = operations.filter((row, i) => operations.findIndex((other) => isOfSameProject(other, row)) === i);
  const waiting = newest.find(waitsForApproval);
  if (waiting !== undefined) return operationPath(waiting.id);
  throw new CommandFailure(
    named === undefined ? "nothing waits for an approval" : `nothing of ${named} waits for an approval`,
    {
      exitCode: named === undefined ? exitCodes.conflict : exitCodes.notFound,
      hint: "`nebula ops list` shows what was stopped, and why.",
    },
  );
}

const operationPath = (id: string): string => `/api/v1/operations/${id}/approve`;

const isOfSameProject = (a: Operation, b: Operation): boolean => a.domain === b.domain && a.project === b.project;

const waitsForApproval = ({ outcome, error }: Operation): boolean =>
  outcome === "blocked" && (error as { planHash?: unknown } | null)?.planHash !== undefined;

/** What is not ours to see is not ours to approve either. */
async function orNone<T>(page: Promise<{ readonly items: readonly T[] }>): Promise<readonly T[]> {
  try {
    return (await page).items;
  } catch (failure) {
    if (
      failure instanceof CommandFailure &&
      [exitCodes.auth, exitCodes.notFound].some((one) => one === failure.exitCode)
    )
      return [];
    throw failure;
  }
}
