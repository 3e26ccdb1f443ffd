import { z } from "zod";
import { type Fault, NebulaError } from "../../../platform/core/index.ts";
import { githubNotFound, mergeMethods, type Pull } from "../../../platform/github/index.ts";
import { can, holds, isInside, type Principal, type Scope, whyNot } from "../../../platform/identity/index.ts";
import { quotaExceeded } from "../../../platform/policy/index.ts";
import {
  getFleet,
  getOperation,
  getPullRow,
  listPullRows,
  type PullRow,
  type Reach,
} from "../../../platform/store/index.ts";
import { mergeRefused, notFound, wrongState } from "../errors.ts";
import { pullCost } from "../invoice-wire.ts";
import { fromCursor, pageOf, pageQuery, toCursor } from "../page.ts";
import type { Portal } from "../portal.ts";
import { absent, demand, narrowTo, ownTenants } from "../reach.ts";
import { type Host, hostFor } from "../repository.ts";
import { json, route } from "../route.ts";
import { name, named, operation, sha } from "../schemas.ts";
import { tracedMerge } from "../traced-merge.ts";
import { operationToWire } from "../wire.ts";
import { costsOf } from "./cost.ts";
import { demandMerge, isAmongOwn, sees, type Touched } from "./touched.ts";
import { pull, pullDetail, pullToWire } from "./wire.ts";

const repository = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name")
  .optional()
  .describe("owner/name, where several repositories are connected. Default: the first.");
const params = z.strictObject({ number: z.coerce.number().int().positive() });
const query = z.strictObject({ repository });

const merged = named(
  "Merged",
  "The merge commit, and the operation that follows its deployment where the portal opened the pull request.",
  z.strictObject({ commit: z.string(), pull, operation: operation.nullable() }),
);

export const pullRoutes = [
  route({
    method: "get",
    path: "/api/v1/pulls",
    operationId: "pulls.list",
    scope: "pulls:read",
    target: "own",
    summary: "Pull requests, newest first",
    description: "A page may hold fewer than `limit` while `nextCursor` is not null: some are not yours to see.",
    query: z.strictObject({
      ...pageQuery,
      state: z.enum(["open", "closed", "merged", "all"]).default("open"),
      domain: name.optional(),
      project: name.optional().describe("Needs `domain`."),
      repository,
    }),
    replies: { 200: json("A page of pull requests", pageOf(pull)) },
  }).handle(async ({ principal, query: asked }, portal) => {
    const inside = narrowTo(principal, "pulls:read", asked);
    const at = await visibleHost(portal, principal, asked.repository);
    if (at === undefined) throw absent();
    const before = fromCursor("pulls", asked.cursor, z.int());
    const rows = await listPullRows(portal.sql, {
      repository: at.row.id,
      ...(asked.state === "all" ? {} : { state: asked.state }),
      ...(before === null ? {} : { beforeNumber: before }),
      limit: asked.limit + 1,
    });
    const shown = rows.slice(0, asked.limit);
    const pulls = await pullsOf(at, shown);
    const items = [];
    for (const row of shown) {
      const found = pulls.get(row.number);
      if (found === undefined) continue;
      const touched = await portal.touched(at.row, at.host, found);
      if (sees(principal, touched) && isAbout(inside, touched)) items.push(pullToWire(found, row));
    }
    const last = shown.at(-1);
    const more = rows.length > asked.limit && last !== undefined;
    return { status: 200, body: { items, nextCursor: more ? toCursor("pulls", last.number) : null } };
  }),

  route({
    method: "get",
    path: "/api/v1/pulls/{number}",
    operationId: "pulls.show",
    scope: "pulls:read",
    target: "found",
    summary: "One pull request with its checks, plan, price, quota and policy",
    params,
    query,
    replies: { 200: json("The pull request", pullDetail) },
  }).handle(async ({ principal, params: { number }, query: { repository: named } }, portal) => {
    const found = await find(portal, principal, "pulls:read", { number, named });
    const statuses = await found.host.listStatuses(found.pull.head.sha);
    const reviewed = found.ledger?.headCommit === found.pull.head.sha && found.ledger.verdict !== "pending";
    const review = (found.ledger?.review as Record<string, unknown> | null | undefined) ?? null;
    const seesMoney = found.touched.every((target) => can(principal, "usage:read", target));
    return {
      status: 200,
      body: {
        ...pullToWire(found.pull, found.ledger),
        mergeable: found.pull.mergeable,
        mergeableState: found.pull.mergeableState,
        statuses: statuses.map(({ context, state, description }) => ({ context, state, description })),
        review: reviewed && review !== null && !seesMoney ? withoutMoney(review) : reviewed ? review : null,
      },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/pulls/{number}/cost",
    operationId: "pulls.cost",
    scope: "usage:read",
    target: "found",
    summary: "What a merged pull request was estimated at, and what came of it",
    description: "By database and month, of whole hours. A month that is not closed grows.",
    params,
    query,
    replies: { 200: json("Both, side by side", z.strictObject({ items: z.array(pullCost) })) },
  }).handle(async ({ principal, params: { number }, query: { repository: named } }, portal) => {
    const { row, ledger, touched } = await find(portal, principal, "usage:read", { number, named });
    for (const target of touched) demand(principal, "usage:read", target);
    const tenants = [...new Set(touched.flatMap(({ tenant }) => tenant ?? []))];
    const pull = { repository: row.id, number, mergedAt: ledger?.mergedAt ?? null };
    return { status: 200, body: { items: await costsOf(portal, pull, tenants) } };
  }),

  route({
    method: "post",
    path: "/api/v1/pulls/{number}/merge",
    operationId: "pulls.merge",
    scope: "pulls:merge",
    target: "found",
    summary: "Merge a reviewed pull request",
    description:
      "Merges exactly the reviewed head. Changes of tenant.ts need a domain-admin, of fleet/ a platform-admin.",
    params,
    query,
    body: z.strictObject({
      method: z.enum(mergeMethods).default("squash"),
      headCommit: sha.optional().describe("Merge only while this is the head. Default: the reviewed head."),
    }),
    replies: { 202: json("Merged; its deployment follows", merged, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { number }, query: { repository: named }, body }, portal) => {
    const found = await find(portal, principal, "pulls:merge", { number, named });
    demandMerge(principal, found.touched);
    const head = reviewedHead(found, body.headCommit);
    demandMerge(principal, reviewedTouched(found));
    const { sha: commit } = await tracedMerge(portal, found.row.id, { number, head }, () =>
      found.host.mergePull(number, {
        sha: head,
        method: body.method,
        title: `${found.pull.title} (#${number})`,
        message: `Merged for ${principal.user}.`,
      }),
    );
    const followed = await followedBy(portal, found.ledger);
    return {
      status: 202,
      body: {
        commit,
        pull: { ...pullToWire(found.pull, found.ledger), state: "merged", mergeCommit: commit },
        operation: followed,
      },
      headers: followed === null ? {} : { location: `/api/v1/operations/${followed.id}` },
      trail: { ...trailOf(found.touched), commit, ...(followed === null ? {} : { operation: followed.id }) },
    };
  }),

  route({
    method: "post",
    path: "/api/v1/pulls/{number}/close",
    operationId: "pulls.close",
    scope: "databases:write",
    target: "found",
    summary: "Close a pull request without merging it",
    params,
    query,
    replies: { 200: json("Closed", pull) },
  }).handle(async ({ principal, params: { number }, query: { repository: named } }, portal) => {
    const found = await find(portal, principal, "databases:write", { number, named });
    for (const target of found.touched) demand(principal, "databases:write", target);
    if (found.pull.state !== "open") throw wrongState(`pull request ${number} is not open`);
    await found.host.closePull(number);
    return {
      status: 200,
      body: { ...pullToWire(found.pull, found.ledger), state: "closed" },
      trail: trailOf(found.touched),
    };
  }),
];

type Found = Host & {
  readonly pull: Pull;
  readonly ledger: PullRow | undefined;
  readonly touched: readonly Touched[];
};

/** A stranger's pull request takes the Git host longer than one that is not there: both are answered at the same beat. */
const beatMs = 250;

type Asked = { readonly number: number; readonly named: string | undefined };

/**
 * @throws NEB602 when there is none, or when it touches another's tenant; NEB662 or NEB673 when it is among the own tenants and
 * not the principal's to see: `scope` is what he asked to do with it.
 */
async function find(portal: Portal, principal: Principal, scope: Scope, asked: Asked): Promise<Found> {
  const { clock } = portal;
  const begunMs = clock.monotonicMs();
  const found = await look(portal, principal, asked);
  if (found !== undefined) {
    const hidden = found.touched.find((target) => !can(principal, "pulls:read", target));
    if (hidden !== undefined) throw whyNot(principal, can(principal, scope, hidden) ? "pulls:read" : scope, hidden);
    // Also of one that changes nothing, and so touches nobody's.
    if (!holds(principal, scope)) throw whyNot(principal, scope, found.touched[0]);
    return found;
  }
  await clock.sleep(beatMs - ((clock.monotonicMs() - begunMs) % beatMs), portal.closing);
  throw absent();
}

async function look(portal: Portal, principal: Principal, { number, named }: Asked): Promise<Found | undefined> {
  const at = await visibleHost(portal, principal, named);
  const pull = await at?.host.getPull(number).catch(ifNot(githubNotFound));
  if (at === undefined || pull === undefined) return undefined;
  const ledger = await getPullRow(portal.sql, at.row.id, number);
  const touched = await portal.touched(at.row, at.host, pull);
  return sees(principal, touched) || isAmongOwn(principal, touched) ? { ...at, pull, ledger, touched } : undefined;
}

const ifNot =
  ({ definition }: Fault) =>
  (thrown: unknown): undefined => {
    if (!(thrown instanceof NebulaError) || thrown.code !== definition.code) throw thrown;
  };

/** A repository that declares none of the principal's tenants is none for him. */
async function visibleHost(portal: Portal, principal: Principal, named: string | undefined): Promise<Host | undefined> {
  const at = await hostFor(portal, named).catch(ifNot(notFound));
  if (at === undefined || named === undefined || ownTenants(principal) === "everything") return at;
  const declared = (await getFleet(portal.sql, at.row.id))?.tenants ?? [];
  return declared.some(({ tenant }) => isInside(principal, tenant)) ? at : undefined;
}

/** A branch that was rewritten, or lost its protection: nothing is merged onto it until somebody looked. */
const suspicious: ReadonlySet<string> = new Set(["NEB380", "NEB389"]);

/** The head to merge: the one that the review speaks of, and that the caller means. */
function reviewedHead({ row, pull, ledger }: Found, wanted: string | undefined): string {
  const head = pull.head.sha;
  if (row.stalledCode !== null && suspicious.has(row.stalledCode))
    throw mergeRefused(`${row.owner}/${row.name} is stopped: ${row.stalledReason ?? row.stalledCode}`);
  if (pull.state !== "open") throw wrongState(`pull request ${pull.number} is not open`);
  if (wanted !== undefined && wanted !== head)
    throw mergeRefused(`the head is ${head.slice(0, 12)} now, not ${wanted.slice(0, 12)}`, {
      hint: "Somebody pushed meanwhile: read the review of the new head first.",
    });
  if (ledger === undefined || ledger.headCommit !== head || ledger.verdict === null || ledger.verdict === "pending")
    throw mergeRefused("its review has not finished", { hint: "Wait for the checks: `nebula pr show`." });
  if (ledger.verdict !== "success") {
    const overQuota = quotaFailure(ledger.review);
    if (overQuota !== undefined) throw quotaExceeded(overQuota);
    throw mergeRefused(`its review ended with ${ledger.verdict}`);
  }
  return head;
}

type Reviewed = {
  readonly checks?: Readonly<Record<string, { readonly state?: unknown; readonly summary?: unknown }>>;
};

/** What the review says of the quota, where nothing else is wrong: as for auto-merge, a refusal of its own. */
function quotaFailure(review: unknown): string | undefined {
  const { types, plan, policy, quota } = (review as Reviewed | null)?.checks ?? {};
  if (quota?.state !== "failure" || [types, plan, policy].some((check) => check?.state !== "success")) return undefined;
  return `its review ended with failure: ${String(quota.summary ?? "more than the quota")}`;
}

/** For who reads without money: what the change costs is left out, in the whole and in each project. */
function withoutMoney(review: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { projects } = review;
  if (!Array.isArray(projects)) return { ...review, price: null };
  return { ...review, price: null, projects: projects.map((project: object) => ({ ...project, price: null })) };
}

/** By the trees: a Git host cuts a long list of files. */
const reviewedTouched = ({ ledger }: Found): readonly Touched[] =>
  (ledger?.review as { readonly touched?: readonly Touched[] } | null | undefined)?.touched ?? [];

/** The newest hundred in one request; what is older one by one. */
async function pullsOf({ host }: Host, rows: readonly PullRow[]): Promise<ReadonlyMap<number, Pull>> {
  if (rows.length === 0) return new Map();
  const listed = await host.listPulls({ state: "all", limit: 100 });
  const found = new Map(listed.map((each) => [each.number, each]));
  for (const { number } of rows) if (!found.has(number)) found.set(number, await host.getPull(number));
  return found;
}

const isAbout = (inside: Reach, touched: readonly Touched[]): boolean =>
  inside === "everything" ||
  touched.some(({ tenant, project }) =>
    inside.some((part) => part.tenant === tenant && (part.project === null || part.project === project)),
  );

async function followedBy({ sql }: Portal, ledger: PullRow | undefined) {
  const row = ledger?.operation == null ? undefined : await getOperation(sql, ledger.operation);
  return row === undefined ? null : operationToWire(row);
}

const trailOf = ([first]: readonly Touched[]) => ({ tenant: first?.tenant ?? null, project: first?.project ?? null });
