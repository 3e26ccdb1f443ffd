import { z } from "zod";
import { accountState, holds, scopeMissing } from "../../../platform/identity/index.ts";
import {
  endSessions,
  findUser,
  type ListedUser,
  listUsers,
  removeTotp,
  setDisabled,
  userKey,
} from "../../../platform/store/index.ts";
import { invite } from "../../auth/index.ts";
import { notFound } from "../errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "../page.ts";
import { json, nothing, route } from "../route.ts";
import { anyJson, named } from "../schemas.ts";
import { email, person, personName, personToWire } from "./shared.ts";

const userParams = z.strictObject({ user: z.string().regex(/^usr_[0-9a-z]{26}$/, "is not a user id") });

const openRegistration = "Start the portal with NEBULA_REGISTRATION=invited, then invite again.";

const account = named(
  "Account",
  "Who can sign in, or ask with a key of their own.",
  person.extend({
    domain: z.string().nullable().describe("Of a service account: the tenant whose program it is. null: a person."),
  }),
);

/** Other people's accounts, and the keys that sign everybody's sessions. */
export const userRoutes = [
  route({
    method: "get",
    path: "/api/v1/users",
    operationId: "users.list",
    scope: "users:read",
    target: "own",
    summary: "Everybody who has an account",
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of accounts", pageOf(account)) },
  }).handle(async ({ query }, { sql }) => {
    const afterKey = fromCursor("users", query.cursor, z.string());
    const rows = await listUsers(sql, { afterKey, limit: query.limit + 1 });
    return { status: 200, body: toPage("users", rows, query.limit, userKey, accountToWire) };
  }),

  route({
    method: "post",
    path: "/api/v1/users/invitations",
    operationId: "users.invite",
    scope: "users:invite",
    target: "own",
    summary: "Invite somebody by mail",
    description:
      "What the account may do is declared in tenant.ts, by its e-mail. Nothing is sent to an address that has an account.",
    body: z.strictObject({
      email,
      name: personName.optional(),
      platformAdmin: z.boolean().default(false).describe("Only a platform administrator may make another one."),
    }),
    replies: {
      202: json(
        "It is on its way",
        z.strictObject({ via: z.enum(["smtp", "folder"]).describe("Where mails go here.") }),
      ),
    },
  }).handle(async ({ principal, body }, { auth }) => {
    if (auth.registration === "closed")
      throw accountState("registration is closed here, so nobody is invited", { hint: openRegistration });
    if (body.platformAdmin && !holds(principal, "users:write"))
      throw scopeMissing("only a platform administrator may make another one", { fields: { scope: "users:write" } });
    const { email, name = null, platformAdmin } = body;
    await invite(auth, { email, name, platformAdmin, invitedBy: principal.user });
    return { status: 202, body: { via: auth.mailVia }, trail: { resource: email, details: { platformAdmin } } };
  }),

  route({
    method: "post",
    path: "/api/v1/users/{user}/disable",
    operationId: "users.disable",
    scope: "users:write",
    target: "own",
    summary: "Disable an account: its sessions end at once",
    params: userParams,
    replies: { 200: json("The account", person) },
  }).handle(async ({ principal, params: { user: id } }, { sql }) => {
    if (principal.account === id)
      throw accountState("this is your own account", {
        hint: "Nobody disables his own account: another platform administrator can.",
      });
    const user = await sql.tx(async (tx) => {
      const changed = await setDisabled(tx, id, true);
      if (changed !== undefined) await endSessions(tx, id, "disabled");
      return changed;
    });
    if (user === undefined) throw notFound(`there is no account ${id}`);
    return { status: 200, body: personToWire(user), trail: { resource: id } };
  }),

  route({
    method: "post",
    path: "/api/v1/users/{user}/enable",
    operationId: "users.enable",
    scope: "users:write",
    target: "own",
    summary: "Let a disabled account sign in again",
    params: userParams,
    replies: { 200: json("The account", person) },
  }).handle(async ({ params: { user: id } }, { sql }) => {
    const user = await setDisabled(sql, id, false);
    if (user === undefined) throw notFound(`there is no account ${id}`);
    return { status: 200, body: personToWire(user), trail: { resource: id } };
  }),

  route({
    method: "delete",
    path: "/api/v1/users/{user}/second-factor",
    operationId: "users.removeSecondFactor",
    scope: "users:write",
    target: "own",
    summary: "Remove the second factor of somebody who has lost it",
    params: userParams,
    replies: { 204: nothing("Removed; the account's sessions have ended") },
  }).handle(async ({ params: { user: id } }, { sql }) => {
    if ((await findUser(sql, id)) === undefined) throw notFound(`there is no account ${id}`);
    await sql.tx(async (tx) => {
      await removeTotp(tx, id);
      await endSessions(tx, id, "everywhere");
    });
    return { status: 204, body: undefined, trail: { resource: id } };
  }),

  route({
    method: "get",
    path: "/.well-known/jwks.json",
    operationId: "auth.jwks",
    scope: "public",
    target: "own",
    summary: "The public keys of access tokens",
    replies: { 200: json("RFC 7517", z.strictObject({ keys: z.array(anyJson) })) },
  }).handle(async (_call, { auth }) => {
    const { keys } = await auth.identity.keys.jwks();
    const headers = { "cache-control": "public, max-age=60" };
    return { status: 200, body: { keys: keys.map((key) => ({ ...key })) }, headers };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/signing-keys/rotate",
    operationId: "auth.rotateSigningKey",
    scope: "signing-keys:rotate",
    target: "own",
    summary: "Sign access tokens with a new key from now on",
    description: "The key before verifies until the last token it signed is dead.",
    replies: { 200: json("The new key's id", z.strictObject({ id: z.string() })) },
  }).handle(async (_call, { auth, observe }) => {
    const id = await auth.identity.keys.rotate();
    observe({ kind: "signing_key.rotated", key: id });
    return { status: 200, body: { id }, trail: { resource: id } };
  }),
];

const accountToWire = (user: ListedUser) => ({ ...personToWire(user), domain: user.tenant });
