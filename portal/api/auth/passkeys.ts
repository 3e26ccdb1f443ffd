import { z } from "zod";
import { listPasskeys, type Passkey, renamePasskey } from "../../../platform/store/index.ts";
import {
  beginPasskey,
  beginPasskeySignIn,
  dropPasskey,
  finishPasskey,
  passkeyRefused,
  signInWithPasskey,
} from "../../auth/index.ts";
import { notFound } from "../errors.ts";
import { json, nothing, route } from "../route.ts";
import { anyJson, named, timestamp } from "../schemas.ts";
import { time } from "../wire.ts";
import { currentPassword, proved } from "./account.ts";
import { clientOf, cookieIn, keep, personName, personOf, signedIn, ticketCookie } from "./shared.ts";
import { begun } from "./sign-in.ts";

const passkey = named(
  "Passkey",
  "A key pair on your device that signs you in.",
  z.strictObject({
    id: z.string(),
    name: z.string(),
    backedUp: z.boolean().describe("On several devices, by whoever keeps your passkeys."),
    createdAt: timestamp,
    lastUsedAt: timestamp.nullable(),
  }),
);
const bytes = z.string().max(100_000);
const made = named(
  "PasskeyMade",
  "What `navigator.credentials.create` gave, as `toJSON()` says it.",
  z.looseObject({
    id: z.string().max(1400),
    rawId: z.string().max(1400),
    type: z.literal("public-key"),
    response: z.looseObject({ clientDataJSON: bytes, attestationObject: bytes }),
  }),
);
const signed = named(
  "PasskeySigned",
  "What `navigator.credentials.get` gave, as `toJSON()` says it.",
  z.looseObject({
    id: z.string().max(1400),
    rawId: z.string().max(1400),
    type: z.literal("public-key"),
    response: z.looseObject({
      clientDataJSON: bytes,
      authenticatorData: bytes,
      signature: bytes,
      userHandle: z.string().max(200).optional(),
    }),
  }),
);
const mine = { scope: "self:write", target: "own" } as const;
const publicly = { method: "post", scope: "public", target: "own", secret: true } as const;
const params = z.strictObject({ passkey: z.string().regex(/^[\w-]{1,1400}$/, "is not a passkey's id") });

/** Passkeys: the browser talks to the device, these routes to the browser. The names of fields are WebAuthn's. */
export const passkeyRoutes = [
  route({
    ...publicly,
    path: "/api/v1/auth/passkeys/sign-in/options",
    operationId: "auth.passkeyChallenge",
    summary: "Begin a sign-in with a passkey",
    description: "For `navigator.credentials.get`; bound to this browser by a cookie, for 5 minutes.",
    replies: { 200: json("PublicKeyCredentialRequestOptions as JSON", anyJson) },
  }).handle(async (_call, portal) => {
    const { ticket, options, seconds } = await beginPasskeySignIn(portal.auth);
    const headers = { "set-cookie": ticketCookie("nebula_passkey", ticket.reveal(), seconds, portal) };
    return { status: 200, body: { ...options }, headers };
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/passkeys/sign-in",
    operationId: "auth.passkeySignIn",
    summary: "Sign in with a passkey",
    description: "A passkey is two factors: no code is asked for.",
    body: z.strictObject({ response: signed, keep }),
    replies: { 200: json("A session", signedIn) },
  }).handle(async ({ body, request, note }, portal) => {
    const ticket = cookieIn(request, "nebula_passkey");
    const ending = await signInWithPasskey(portal.auth, { ticket, response: body.response }, clientOf(request));
    if (ending.kind === "refused" || ending.kind === "copied") {
      const details = ending.kind === "copied" ? { details: { copied: "its counter did not go on" } } : {};
      note({ actor: ending.user?.email ?? ending.user?.id ?? "anonymous", ...details });
      throw passkeyRefused("this passkey does not sign you in");
    }
    const answer = begun(ending, body.keep, portal, note);
    if (answer.body.status !== "signed-in") throw passkeyRefused("this passkey does not sign you in");
    return { ...answer, body: answer.body };
  }),

  route({
    ...mine,
    method: "get",
    path: "/api/v1/auth/passkeys",
    operationId: "auth.passkeys",
    scope: "self:read",
    summary: "Your passkeys",
    replies: { 200: json("The oldest first", z.strictObject({ items: z.array(passkey) })) },
  }).handle(async ({ principal }, portal) => {
    const { user } = await personOf(principal, portal);
    return { status: 200, body: { items: (await listPasskeys(portal.sql, user.id)).map(toWire) } };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/passkeys/options",
    operationId: "auth.passkeyBegin",
    secret: true,
    summary: "Begin to add a passkey",
    description: "For `navigator.credentials.create`. The ticket is good for 5 minutes, in this session.",
    body: z.strictObject({ currentPassword }),
    replies: {
      200: json(
        "PublicKeyCredentialCreationOptions as JSON, and what to send with the answer",
        z.strictObject({ ticket: z.string(), options: anyJson }),
      ),
    },
  }).handle(async (call, portal) => {
    const person = await proved(call, portal, call.body.currentPassword);
    const { ticket, options } = await beginPasskey(portal.auth, person);
    const body = { ticket: ticket.reveal(), options: { ...options } };
    return { status: 200, body, trail: { resource: person.user.id } };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/passkeys",
    operationId: "auth.passkeyAdd",
    secret: true,
    summary: "Add a passkey",
    body: z.strictObject({ ticket: z.string().max(200), name: personName, response: made }),
    replies: { 201: json("It signs you in from now on", passkey) },
  }).handle(async ({ principal, body }, portal) => {
    const person = await personOf(principal, portal);
    const added = await finishPasskey(portal.auth, person, body);
    return { status: 201, body: toWire(added), trail: { resource: added.id } };
  }),

  route({
    ...mine,
    method: "patch",
    path: "/api/v1/auth/passkeys/{passkey}",
    operationId: "auth.passkeyRename",
    summary: "Give a passkey another name",
    params,
    body: z.strictObject({ name: personName }),
    replies: { 200: json("The passkey", passkey) },
  }).handle(async ({ principal, params: { passkey: id }, body }, portal) => {
    const { user } = await personOf(principal, portal);
    const renamed = await renamePasskey(portal.sql, id, user.id, body.name);
    if (renamed === undefined) throw notFound(`you have no passkey ${id}`);
    return { status: 200, body: toWire(renamed), trail: { resource: id } };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/passkeys/{passkey}/remove",
    operationId: "auth.passkeyRemove",
    secret: true,
    summary: "Remove a passkey",
    description: "Every other session ends. The only way in to an account stays.",
    params,
    body: z.strictObject({ currentPassword }),
    replies: { 204: nothing("It signs nobody in any more") },
  }).handle(async (call, portal) => {
    const person = await proved(call, portal, call.body.currentPassword);
    const { passkey: id } = call.params;
    if (!(await dropPasskey(portal.auth, person, id))) throw notFound(`you have no passkey ${id}`);
    return { status: 204, body: undefined, trail: { resource: id } };
  }),
];

const toWire = ({ id, name, backedUp, createdAt, lastUsedAt }: Passkey) => ({
  ...{ id, name, backedUp },
  createdAt: time(createdAt),
  lastUsedAt: lastUsedAt === null ? null : time(lastUsedAt),
});
