import { z } from "zod";
import {
  type Account,
  holds,
  type IssuedKey,
  issueKey,
  issueToken,
  keyToWire,
  limitOf,
  type Principal,
  reachOf,
  roles,
  rotateKey,
  scopes,
  whyNot,
} from "../../platform/identity/index.ts";
import {
  findPrincipal,
  findPrincipalWithin,
  findServiceAccount,
  listPrincipals,
  type PrincipalRow,
  revokePrincipal,
} from "../../platform/store/index.ts";
import { notFound, requestProblems } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { absent, demand } from "./reach.ts";
import { json, nothing, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";

const shown = {
  id: z.string().describe("Public; names the key in lists, logs and the audit."),
  name: z.string(),
  user: z.string().describe("Who it speaks for."),
  role: z.enum(roles).nullable().describe("null: whatever its account is."),
  tenant: z.string().nullable().describe("null: wherever its account reaches."),
  project: z.string().nullable(),
  database: z.string().nullable(),
  scopes: z.array(z.string()).nullable().describe("null: all that it would hold otherwise."),
  madeBy: z.string().nullable(),
  successor: z.string().nullable().describe("The key that it was rotated to."),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
};
export const keySchema = named("Key", "An API key, without its secret.", z.strictObject(shown));
const newKey = named(
  "NewKey",
  "An API key with its secret: this is the only time that it is shown.",
  z.strictObject({ ...shown, key: z.string() }),
);

const params = z.strictObject({ id: z.string().regex(/^[0-9a-z]{26}$/, "is not a key's id") });
const longestOverlapSeconds = 30 * 86_400;

export const keyRoutes = [
  route({
    method: "get",
    path: "/api/v1/keys",
    operationId: "keys.list",
    scope: "keys:own",
    target: "own",
    summary: "Your keys, and with keys:read those of service accounts, and tokens, inside your reach",
    description: "Asked with a key: of its account's keys itself and those that are no wider than it is.",
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of keys", pageOf(keySchema)) },
  }).handle(async ({ principal, query }, portal) => {
    const afterId = fromCursor("keys", query.cursor, z.string());
    const seen = await visible(portal, principal, "keys:read");
    const rows = await listPrincipals(portal.sql, { ...seen, afterId, count: query.limit + 1 });
    return { status: 200, body: toPage("keys", rows, query.limit, (row) => row.id, keyToWire) };
  }),

  route({
    method: "post",
    path: "/api/v1/keys",
    operationId: "keys.create",
    scope: "keys:own",
    target: "own",
    summary: "Make a key: your own, or a service account's",
    description:
      "A key of yours holds what you hold, now and later, inside the tenant, project, database, role and scopes that it " +
      "names. Nobody makes a key that holds more than he does.",
    secret: true,
    body: z.strictObject({
      name: z.string().min(1).max(100).describe("What it is for."),
      serviceAccount: name.optional().describe("Whose key; needs `tenant`, and keys:write there. Default: yours."),
      user: z.string().min(1).max(100).optional().describe("Only with a token of no account: who it speaks for."),
      role: z.enum(roles).nullable().default(null).describe("Narrows the key to a role. Default: all that it may."),
      tenant: name.nullable().default(null),
      project: name.nullable().default(null),
      database: name.nullable().default(null),
      scopes: z.array(z.enum(scopes)).min(1).nullable().default(null).describe("Narrows the key to these scopes."),
      expiresAt: z.iso.datetime().nullable().default(null),
    }),
    replies: { 201: json("The key, shown once", newKey) },
  }).handle(async ({ principal, body }, portal) => {
    const expiresAt = futureOf(body.expiresAt, portal);
    const { text, row } = await make(portal, principal, { ...body, expiresAt });
    const { role, tenant, project, database } = row;
    return {
      status: 201,
      body: { ...keyToWire(row), key: text.reveal() },
      trail: {
        resource: row.id,
        ...(tenant === null ? {} : { tenant, project }),
        details: { user: row.userName, role, tenant, project, database, scopes: row.scopes },
      },
    };
  }),

  route({
    method: "post",
    path: "/api/v1/keys/{id}/rotate",
    operationId: "keys.rotate",
    scope: "keys:own",
    target: "found",
    summary: "Make a key's successor; the old one lives on for the overlap",
    description:
      "The successor is like it and lives as long. A key may rotate itself, and of its account's keys those that are no " +
      "wider than it is. Each key is rotated once.",
    params,
    secret: true,
    body: z.strictObject({
      overlapSeconds: z.int().min(0).max(longestOverlapSeconds).default(3600).describe("At most 30 days."),
    }),
    replies: { 201: json("The successor, shown once", newKey) },
  }).handle(async ({ principal, params: { id }, body: { overlapSeconds } }, portal) => {
    const row = await find(portal, principal, id);
    const account = row.owner === null ? undefined : await portal.directory.account(row.owner);
    const lifeMs = row.expiresAt === null ? null : row.expiresAt.getTime() - row.createdAt.getTime();
    const expiresAt = lifeMs === null ? null : new Date(portal.clock.now() + lifeMs);
    const {
      text,
      row: made,
      old,
    } = await rotateKey(portal.sql, principal, {
      ...{ row, account, overlapSeconds, expiresAt },
      makerKey: await keyBehind(portal, principal),
    });
    return {
      status: 201,
      body: { ...keyToWire(made), key: text.reveal() },
      trail: { resource: id, details: { successor: made.id, oldExpiresAt: old.expiresAt?.toISOString() ?? null } },
    };
  }),

  route({
    method: "delete",
    path: "/api/v1/keys/{id}",
    operationId: "keys.revoke",
    scope: "keys:own",
    target: "found",
    summary: "Revoke a key, from the next request on",
    description: "A key may revoke itself, and of its account's keys those that are no wider than it is.",
    params,
    replies: { 204: nothing("Revoked") },
  }).handle(async ({ principal, params: { id } }, portal) => {
    const row = await find(portal, principal, id);
    if (!(await revokePrincipal(portal.sql, row.id))) throw absent();
    return { status: 204, body: undefined, trail: { resource: id } };
  }),
];

/** What of the keys inside a principal's reach is there for it. */
export const visible = async (portal: Portal, principal: Principal, scope: "keys:read" | "keys:write") => ({
  account: principal.account ?? null,
  within: reachOf(principal, scope),
  limit: limitOf(await keyBehind(portal, principal)),
});

/** Who asks with a token of no account may still give up that token. */
async function find(portal: Portal, principal: Principal, id: string): Promise<PrincipalRow> {
  const { sql } = portal;
  const row =
    (await findPrincipalWithin(sql, id, await visible(portal, principal, "keys:write"))) ??
    (id === principal.id ? await findPrincipal(sql, id) : undefined);
  if (row === undefined || row.revokedAt !== null) throw absent();
  if (!holds(principal, "keys:own")) throw whyNot(principal, "keys:own");
  return row;
}

type Asked = {
  readonly name: string;
  readonly serviceAccount?: string | undefined;
  readonly user?: string | undefined;
  readonly role: (typeof roles)[number] | null;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database: string | null;
  readonly scopes: readonly (typeof scopes)[number][] | null;
  readonly expiresAt: Date | null;
};

async function make(portal: Portal, principal: Principal, asked: Asked): Promise<IssuedKey> {
  const account = await accountFor(portal, principal, asked);
  if (account === undefined) {
    const { role, user = principal.user } = asked;
    if (role === null) throw requestProblems([roleWanted]);
    return issueToken(portal.sql, principal, { ...asked, role, user });
  }
  if (asked.user !== undefined)
    throw requestProblems([{ path: "user", message: "cannot be chosen: a key speaks for its account" }]);
  return issueKey(portal.sql, principal, await keyBehind(portal, principal), { ...asked, account });
}

const roleWanted = {
  path: "role",
  message: "is required: your token belongs to no account whose role the key could have",
  hint: `Name its role (--role): ${roles.join(", ")}. docs/roles.md says what each may; project-admin does for an application.`,
};

const keyBehind = async ({ sql }: Portal, { kind, id }: Principal) =>
  kind === "user" ? undefined : findPrincipal(sql, id);

/** Whose key it becomes; undefined: nobody's, when nobody's token asks. */
async function accountFor(portal: Portal, principal: Principal, asked: Asked): Promise<Account | undefined> {
  const { serviceAccount, tenant } = asked;
  if (serviceAccount === undefined)
    return principal.account === undefined ? undefined : portal.directory.account(principal.account);
  if (tenant === null) throw requestProblems([{ path: "tenant", message: "is required with serviceAccount" }]);
  demand(principal, "keys:write", { tenant, project: asked.project, database: asked.database });
  const found = await findServiceAccount(portal.sql, tenant, serviceAccount);
  const account = found === undefined ? undefined : await portal.directory.account(found.id);
  if (account === undefined) throw notFound(`${tenant} has no service account ${serviceAccount}`);
  return account;
}

function futureOf(text: string | null, { clock }: Portal): Date | null {
  if (text === null) return null;
  const date = new Date(text);
  if (date.getTime() <= clock.now()) throw requestProblems([{ path: "expiresAt", message: "must be in the future" }]);
  return date;
}
