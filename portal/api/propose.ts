import { createHash, randomBytes } from "node:crypto";
import { inSpan, noteSpan } from "../../platform/core/index.ts";
import type { GitHub, Pull, TreeChange } from "../../platform/github/index.ts";
import type { Principal } from "../../platform/identity/index.ts";
import { touchedBy } from "../../platform/ownership/index.ts";
import { stackName } from "../../platform/spec/index.ts";
import {
  appendEvent,
  enqueueOperation,
  getOperation,
  getPullRow,
  noteCommitTrace,
  type Operation,
  type ProposedType,
  recordProposal,
  recordPull,
  updateOperation,
} from "../../platform/store/index.ts";
import { noRepository } from "./errors.ts";
import type { Declarations } from "./files.ts";
import type { Portal } from "./portal.ts";
import { demandMerge, demandReach } from "./pulls/touched.ts";
import { type Host, hostOfProject } from "./repository.ts";
import { operationToWire } from "./wire.ts";

export type Step = "create" | "change" | "retire" | "delete";

export type Proposal = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string | null;
  readonly step: Step;
  /** What its operation is called. Default: PULL_REQUEST. */
  readonly type?: ProposedType;
  /** One line: the commit's subject and the pull request's title. */
  readonly title: string;
  readonly why: string;
  readonly autoMerge: boolean;
  readonly changes: readonly TreeChange[];
};

type Asker = { readonly principal: Principal; readonly idempotencyKey: string | undefined };

/** What a write works on: the default branch as it is now. */
export type Base = Host & Declarations & { readonly commit: string };

export async function readBase(portal: Portal, tenant: string, project: string): Promise<Base> {
  const at = await hostOfProject(portal, tenant, project);
  const commit = await at.host.getBranch(at.row.defaultBranch);
  if (commit === undefined) throw noRepository(`${at.row.owner}/${at.row.name} has no branch ${at.row.defaultBranch}`);
  return { ...at, commit, ...(await portal.files(at.host, commit, tenant, project)) };
}

/**
 * Opens the pull request of a change and the operation that follows it.
 *
 * 1. The branch is named after the Idempotency-Key where there is one: a request that is repeated because its answer was lost,
 *    or because this process died half-way, finds its branch and its pull request instead of making others.
 * 2. The operation and the note on whose pull request it is are written together, after the pull request exists: nothing is
 *    left that follows a pull request which never came.
 * 3. Whose change it is is written down with the commit itself, before any branch names it: a review that comes early knows it,
 *    and a head that somebody else pushed later is not this principal's.
 */
export const propose = (portal: Portal, asker: Asker, base: Base, proposal: Proposal) =>
  inSpan({ name: "pull.propose", facts: { "nebula.verb": proposal.step } }, () => open(portal, asker, base, proposal));

async function open(portal: Portal, asker: Asker, base: Base, proposal: Proposal) {
  const { row, host } = base;
  const paths = proposal.changes.map(({ path }) => path);
  demandReach(asker.principal, paths);
  if (proposal.autoMerge) demandMerge(asker.principal, touchedBy(paths), mergeLater);
  const branch = branchName(proposal, asker);
  const head =
    (await alreadyThere(host, branch, asker)) ?? (await commit(portal, base, branch, asker.principal, proposal));
  const pull = await host.createPull({
    title: proposal.title,
    body: describe(proposal, asker.principal),
    head: branch,
    base: row.defaultBranch,
  });
  const operation = await follow(portal, base, asker.principal, proposal, pull, head);
  noteSpan({ "nebula.pull": pull.number, "nebula.commit": head, "nebula.operation": operation.id });
  return {
    body: {
      step: proposal.step,
      pull: {
        number: pull.number,
        url: pull.url,
        branch,
        headCommit: head,
        title: pull.title,
        autoMerge: proposal.autoMerge,
      },
      operation: operationToWire(operation),
    },
    headers: { location: `/api/v1/operations/${operation.id}` },
    trail: { operation: operation.id, commit: head, details: { pull: pull.number, step: proposal.step } },
  };
}

/** To ask that it merges by itself is to merge it. */
const mergeLater = "Ask without auto-merge: the pull request opens, and a project-admin merges it.";

const alreadyThere = async (host: GitHub, branch: string, { idempotencyKey }: Asker): Promise<string | undefined> =>
  idempotencyKey === undefined ? undefined : host.getBranch(branch);

async function commit(
  { sql }: Portal,
  base: Base,
  branch: string,
  principal: Principal,
  proposal: Proposal,
): Promise<string> {
  const { sha } = await base.host.commitFiles({
    parent: base.commit,
    message: `${proposal.title}\n\n${proposal.why}\n\nRequested-by: ${principal.user}\n`,
    changes: proposal.changes,
    author: authorOf(principal),
  });
  await recordProposal(sql, { repository: base.row.id, head: sha, requestedBy: principal.user, principal });
  await noteCommitTrace(sql, { repository: base.row.id, commit: sha });
  await base.host.createBranch(branch, sha);
  return sha;
}

/** The user stands in Git as the author; the committer is the portal's bot. */
function authorOf({ user }: Principal) {
  const name = user.replaceAll(/[<>\n\r]/g, "").trim() || "unknown";
  return { name, email: name.includes("@") ? name : `${name.replaceAll(/[^\w.-]/g, "-")}@users.noreply.nebuladb.dev` };
}

const follow = (portal: Portal, { row }: Base, principal: Principal, proposal: Proposal, pull: Pull, head: string) =>
  portal.sql.tx(async (tx): Promise<Operation> => {
    const known = await getPullRow(tx, row.id, pull.number);
    const existing = known?.operation == null ? undefined : await getOperation(tx, known.operation);
    if (existing !== undefined) return existing;
    const queued = await enqueueOperation(tx, {
      stack: stackName(proposal.tenant, proposal.project),
      type: proposal.type ?? "PULL_REQUEST",
      database: proposal.database,
      commit: head,
      pullNumber: pull.number,
      requestedBy: principal.user,
      params: { step: proposal.step, title: proposal.title, url: pull.url },
    });
    await recordPull(tx, {
      repository: row.id,
      number: pull.number,
      requestedBy: principal.user,
      operation: queued.id,
      autoMerge: proposal.autoMerge,
      headCommit: head,
      by: "portal",
    });
    await appendEvent(tx, queued.id, {
      phase: "opened",
      message: `pull request ${pull.number} opened: ${pull.title}`,
      data: { pull: pull.number, url: pull.url, commit: head, autoMerge: proposal.autoMerge },
    });
    const following = await updateOperation(tx, queued.id, { state: "IN_PROGRESS", progress: { step: "opened" } });
    return following ?? queued;
  });

function branchName({ step, database, project }: Proposal, { principal, idempotencyKey }: Asker): string {
  const suffix =
    idempotencyKey === undefined
      ? randomBytes(5).toString("hex")
      : createHash("sha256").update(`${principal.id} ${idempotencyKey}`).digest("hex").slice(0, 10);
  return `nebula/${step}-${database ?? project}-${suffix}`;
}

const describe = ({ why, autoMerge }: Proposal, { user }: Principal): string =>
  [
    why,
    `Requested by ${user} through the portal.`,
    ...(autoMerge ? ["Merges by itself when every required check has passed."] : []),
  ].join("\n\n");
