import { z } from "zod";
import {
  accountState,
  beginTotp,
  finishTotp,
  hasSecondFactor,
  newRecoveryCodes,
  useSecondFactor,
} from "../../../platform/identity/index.ts";
import {
  countRecoveryCodes,
  endSession,
  endSessions,
  listSessions,
  removeTotp,
  type Session,
} from "../../../platform/store/index.ts";
import { changePassword, type Person, proveOwner } from "../../auth/index.ts";
import { notFound } from "../errors.ts";
import type { Portal } from "../portal.ts";
import type { Call } from "../route.ts";
import { json, nothing, route } from "../route.ts";
import { named, timestamp } from "../schemas.ts";
import { time } from "../wire.ts";
import { clientOf, cookie, limited, password, person, personOf, personToWire, refused } from "./shared.ts";

const sessionInfo = named(
  "Session",
  "A sign-in on one device.",
  z.strictObject({
    id: z.string(),
    current: z.boolean().describe("The one that asks."),
    methods: z.array(z.string()).describe("How it was begun, as in RFC 8176: pwd, otp, hwk...; fed: by a provider."),
    address: z.string().nullable(),
    userAgent: z.string().nullable(),
    createdAt: timestamp,
    lastUsedAt: timestamp,
    expiresAt: timestamp,
  }),
);
const recoveryCodes = z.strictObject({
  recoveryCodes: z
    .array(z.string())
    .describe("Each opens once, instead of a code. Shown once; the ones before are void."),
});
export const currentPassword = password
  .optional()
  .describe("Of accounts that have a password. The others must have signed in within ten minutes.");
const code = z.string().min(6).max(64);

const mine = { scope: "self:write", target: "own" } as const;
const secretly = { ...mine, secret: true } as const;

/** What a signed-in person does with the own account. API keys may not (NEB668). */
export const accountRoutes = [
  route({
    method: "get",
    path: "/api/v1/auth/me",
    operationId: "auth.me",
    ...mine,
    scope: "self:read",
    summary: "The own account",
    replies: {
      200: json(
        "The account",
        z.strictObject({
          person,
          sessionId: z.string(),
          hasPassword: z.boolean(),
          secondFactor: z.boolean(),
          recoveryCodesLeft: z.int(),
        }),
      ),
    },
  }).handle(async ({ principal }, portal) => {
    const { user, sessionId } = await personOf(principal, portal);
    return {
      status: 200,
      body: {
        person: personToWire(user),
        sessionId,
        hasPassword: user.passwordHash !== null,
        secondFactor: await hasSecondFactor(portal.auth.identity, user),
        recoveryCodesLeft: await countRecoveryCodes(portal.sql, user.id),
      },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/auth/sessions",
    operationId: "auth.sessions",
    ...mine,
    scope: "self:read",
    summary: "Where you are signed in",
    replies: { 200: json("The last used first", z.strictObject({ items: z.array(sessionInfo) })) },
  }).handle(async ({ principal }, portal) => {
    const { user, sessionId } = await personOf(principal, portal);
    const sessions = await listSessions(portal.sql, user.id);
    return { status: 200, body: { items: sessions.map((each) => sessionToWire(each, sessionId)) } };
  }),

  route({
    method: "delete",
    path: "/api/v1/auth/sessions/{session}",
    operationId: "auth.endSession",
    ...mine,
    summary: "Sign out elsewhere",
    params: z.strictObject({ session: z.string().regex(/^ses_[0-9a-z]{26}$/, "is not a session id") }),
    replies: { 204: nothing("Signed out there") },
  }).handle(async ({ principal, params: { session } }, portal) => {
    const { user } = await personOf(principal, portal);
    if (!(await endSession(portal.sql, session, user.id, "signed-out")))
      throw notFound(`you have no session ${session}`);
    return { status: 204, body: undefined, trail: { resource: session } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/logout-all",
    operationId: "auth.logoutAll",
    ...mine,
    summary: "Sign out everywhere, here too",
    replies: { 200: json("Done", z.strictObject({ ended: z.int() })) },
  }).handle(async ({ principal }, portal) => {
    const { user } = await personOf(principal, portal);
    const ended = await endSessions(portal.sql, user.id, "everywhere");
    const headers = { "set-cookie": cookie("", 0, portal) };
    return { status: 200, body: { ended }, headers, trail: { resource: user.id, details: { ended } } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/password/change",
    operationId: "auth.changePassword",
    ...secretly,
    summary: "Change the own password",
    description: "Every other session ends.",
    body: z.strictObject({ currentPassword, newPassword: password }),
    replies: { 204: nothing("The new password is in force") },
  }).handle(async ({ principal, body, request }, portal) => {
    const who = await personOf(principal, portal);
    const given = { current: body.currentPassword, next: body.newPassword };
    const ending = await changePassword(portal.auth, who, given, clientOf(request));
    if (ending.kind === "limited") throw limited(ending);
    if (ending.kind === "refused") throw refused();
    return { status: 204, body: undefined, trail: { resource: who.user.id } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/totp",
    operationId: "auth.totpBegin",
    ...secretly,
    summary: "Begin a second factor: a secret for your authenticator",
    description: "Not in force until a code of it is confirmed.",
    body: z.strictObject({ currentPassword }),
    replies: { 201: json("The secret, shown once", z.strictObject({ secret: z.string(), uri: z.string() })) },
  }).handle(async (call, portal) => {
    const { user } = await proved(call, portal, call.body.currentPassword);
    const begun = await beginTotp(portal.auth.identity, user);
    if (begun === undefined) throw accountState("there is a second factor already; remove it first");
    const body = { secret: begun.secret.reveal(), uri: begun.uri.reveal() };
    return { status: 201, body, trail: { resource: user.id } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/totp/confirm",
    operationId: "auth.totpConfirm",
    ...secretly,
    summary: "Put the second factor in force with a code of it",
    body: z.strictObject({ code }),
    replies: { 200: json("In force; the recovery codes, shown once", recoveryCodes) },
  }).handle(async ({ principal, body }, portal) => {
    const { user } = await personOf(principal, portal);
    const turn = await demandTurn(portal, user.id);
    const codes = await finishTotp(portal.auth.identity, user, body.code);
    if (codes === undefined) throw refused();
    await turn.succeeded();
    return { status: 200, body: { recoveryCodes: codes.map((one) => one.reveal()) }, trail: { resource: user.id } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/totp/recovery-codes",
    operationId: "auth.recoveryCodes",
    ...secretly,
    summary: "Make new recovery codes",
    body: z.strictObject({ currentPassword, code }),
    replies: { 200: json("Shown once", recoveryCodes) },
  }).handle(async (call, portal) => {
    const { user } = await provedTwice(call, portal);
    const codes = await portal.sql.tx((tx) => newRecoveryCodes({ sql: tx }, user));
    return { status: 200, body: { recoveryCodes: codes.map((one) => one.reveal()) }, trail: { resource: user.id } };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/totp/remove",
    operationId: "auth.totpRemove",
    ...secretly,
    summary: "Remove the second factor",
    body: z.strictObject({ currentPassword, code }),
    replies: { 204: nothing("Removed, with its recovery codes") },
  }).handle(async (call, portal) => {
    const { user } = await provedTwice(call, portal);
    await portal.sql.tx((tx) => removeTotp(tx, user.id));
    return { status: 204, body: undefined, trail: { resource: user.id } };
  }),
];

type AnyCall<B> = Pick<Call<unknown, unknown, B>, "principal" | "request" | "body">;

/** Who asks, and has shown to be the account's owner. @throws NEB665, NEB666 */
export async function proved(
  { principal, request }: AnyCall<unknown>,
  portal: Portal,
  given?: string,
): Promise<Person> {
  const who = await personOf(principal, portal);
  const ending = await proveOwner(portal.auth, who, given, clientOf(request));
  if (ending.kind === "limited") throw limited(ending);
  if (ending.kind === "refused") throw refused();
  return who;
}

/** With the password and a code: for what would take the second factor away. */
async function provedTwice(
  call: AnyCall<{ readonly currentPassword?: string | undefined; readonly code: string }>,
  portal: Portal,
): Promise<Person> {
  const who = await proved(call, portal, call.body.currentPassword);
  if (!(await hasSecondFactor(portal.auth.identity, who.user))) throw accountState("there is no second factor");
  const turn = await demandTurn(portal, who.user.id);
  if ((await useSecondFactor(portal.auth.identity, who.user, call.body.code)) === undefined) throw refused();
  await turn.succeeded();
  return who;
}

/** One of the few codes that an account may get wrong in an hour. @throws NEB666 */
async function demandTurn({ auth }: Portal, userId: string) {
  const admission = await auth.limiter.code(userId);
  if (admission.kind === "limited") throw limited(admission);
  return admission;
}

const sessionToWire = (session: Session, current: string) => ({
  id: session.id,
  current: session.id === current,
  methods: [...session.amr],
  address: session.address,
  userAgent: session.userAgent,
  createdAt: time(session.createdAt),
  lastUsedAt: time(session.lastUsedAt),
  expiresAt: time(session.idleExpiresAt < session.expiresAt ? session.idleExpiresAt : session.expiresAt),
});
