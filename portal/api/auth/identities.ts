import { z } from "zod";
import { listOwnIdentities, type OwnIdentity } from "../../../platform/store/index.ts";
import { depart, findProvider, link, redeem, unlink } from "../../auth/index.ts";
import { json, nothing, route } from "../route.ts";
import { named, timestamp } from "../schemas.ts";
import { time } from "../wire.ts";
import { currentPassword, proved } from "./account.ts";
import { returnTo } from "./foreign.ts";
import { clientOf, personOf, ticketCookie } from "./shared.ts";

const identity = named(
  "LinkedIdentity",
  "An identity elsewhere that signs in to the account.",
  z.strictObject({
    provider: z.string().describe("`oidc:<issuer>`, `github`, or `forge`: the embedded Git host."),
    subject: z.string().describe("The provider's unchanging id; tenant.ts may name a member `<subject>@<provider>`."),
    login: z.string().nullable(),
    createdAt: timestamp,
    lastUsedAt: timestamp.nullable(),
  }),
);

const mine = { scope: "self:write", target: "own", secret: true } as const;

/** Which identities elsewhere open the own account. Adding or taking one needs the owner, not only the session. */
export const identityRoutes = [
  route({
    method: "get",
    path: "/api/v1/auth/identities",
    operationId: "auth.identities",
    scope: "self:read",
    target: "own",
    summary: "The identities elsewhere that sign in to your account",
    replies: { 200: json("By provider", z.strictObject({ items: z.array(identity) })) },
  }).handle(async ({ principal }, portal) => {
    const { user } = await personOf(principal, portal);
    return { status: 200, body: { items: (await listOwnIdentities(portal.sql, user.id)).map(toWire) } };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/identities/begin",
    operationId: "auth.linkBegin",
    summary: "Begin to link an identity, in this browser",
    description: "Sets a cookie; send the browser to `url`. It comes back to `returnTo`, and the identity is linked.",
    body: z.strictObject({ provider: z.string().max(40), returnTo: returnTo.optional(), currentPassword }),
    replies: { 200: json("Where to send the browser", z.strictObject({ url: z.string() })) },
  }).handle(async (call, portal) => {
    const { provider: name, returnTo: path = null, currentPassword: password } = call.body;
    const provider = findProvider(portal.auth, name);
    const person = await proved(call, portal, password);
    const { url, ticket, seconds } = await depart(portal.auth, provider, { kind: "browser", returnTo: path }, person);
    const headers = { "set-cookie": ticketCookie("nebula_sign_in", ticket.reveal(), seconds, portal) };
    return { status: 200, body: { url: url.href }, headers, trail: { resource: person.user.id, details: { name } } };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/identities",
    operationId: "auth.link",
    summary: "Link an identity, from a command",
    description:
      "With the code that came to the command's port (`purpose=link` at the start) and the command's secret.",
    body: z.strictObject({ code: z.string().max(200), verifier: z.string().regex(/^[\w-]{43,128}$/), currentPassword }),
    replies: { 204: nothing("Linked") },
  }).handle(async (call, portal) => {
    const person = await proved(call, portal, call.body.currentPassword);
    const redeemed = await redeem(portal.auth, call.body, "link", clientOf(call.request));
    await link(portal.auth, person, redeemed.provider, redeemed.identity);
    const trail = { resource: person.user.id, details: { provider: redeemed.identity.provider } };
    return { status: 204, body: undefined, trail };
  }),

  route({
    ...mine,
    method: "post",
    path: "/api/v1/auth/identities/unlink",
    operationId: "auth.unlink",
    summary: "Unlink an identity",
    description: "Every other session ends. The only way in to an account stays.",
    body: z.strictObject({ provider: z.string().max(2000), subject: z.string().max(255), currentPassword }),
    replies: { 200: json("Unlinked", z.strictObject({ endedSessions: z.int() })) },
  }).handle(async (call, portal) => {
    const { provider, subject, currentPassword: password } = call.body;
    const person = await proved(call, portal, password);
    const { ended } = await unlink(portal.auth, person, { provider, subject });
    return {
      status: 200,
      body: { endedSessions: ended },
      trail: { resource: person.user.id, details: { provider, ended } },
    };
  }),
];

const toWire = ({ provider, subject, login, createdAt, lastUsedAt }: OwnIdentity) => ({
  ...{ provider, subject, login },
  createdAt: time(createdAt),
  lastUsedAt: lastUsedAt === null ? null : time(lastUsedAt),
});
