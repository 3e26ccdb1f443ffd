import type { Request } from "express";
import { z } from "zod";
import { signInRefused } from "../../../platform/identity/index.ts";
import {
  type Arrival,
  arrive,
  depart,
  type ForeignSignIn,
  findProvider,
  identityNotLinked,
  link,
  ownerOf,
  type Provider,
  redeem,
  signInAs,
  siteOf,
  type Way,
} from "../../auth/index.ts";
import type { Portal } from "../portal.ts";
import { type Call, json, nothing, route, type Trail, text } from "../route.ts";
import { named } from "../schemas.ts";
import { type Page, sendPage } from "./pages.ts";
import { clientOf, cookieIn, keep, secondFactor, signedIn, ticketCookie, tokensToWire } from "./shared.ts";
import { begun } from "./sign-in.ts";

/** Sign-in elsewhere: out to the provider and back. What it means to come back is decided in portal/auth/federation. */
const provider = named(
  "SignInProvider",
  "Somebody else who says who a person is.",
  z.strictObject({
    name: z.string(),
    kind: z.enum(["oidc", "github"]),
    label: z.string(),
    startUrl: z.string().describe("Where to send a browser."),
  }),
);

/** A path of this origin, and nothing that a browser takes for another one. */
export const returnTo = z
  .string()
  .max(1000)
  .regex(/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/, "must be a path of this portal")
  .describe("Where the browser goes afterwards: a path of this portal.");

const start = z
  .strictObject({
    returnTo: returnTo.optional(),
    loopback: z
      .string()
      .regex(/^http:\/\/(127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}\/callback$/, "must be http://127.0.0.1:<port>/callback")
      .optional()
      .describe("Of a command: where it listens on the person's machine."),
    challenge: z
      .string()
      .regex(/^[\w-]{43}$/, "must be 43 characters of base64url")
      .optional()
      .describe("Of a command: SHA-256 of its secret; /auth/exchange takes the secret."),
    state: z
      .string()
      .regex(/^[\w-]{16,128}$/)
      .optional()
      .describe("Of a command: comes back with the code."),
    purpose: z.enum(["sign-in", "link"]).default("sign-in"),
  })
  .refine(
    ({ loopback, challenge, state, returnTo, purpose }) =>
      loopback === undefined
        ? challenge === undefined && state === undefined && purpose === "sign-in"
        : challenge !== undefined && state !== undefined && returnTo === undefined,
    "loopback, challenge and state belong together, and without returnTo",
  );

/** Providers add to it as they like. */
const back = z.looseObject({
  state: z.string().optional(),
  code: z.string().optional(),
  iss: z.string().optional(),
  error: z.string().optional(),
});

const params = z.strictObject({ provider: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "is no provider's name") });
const openly = { method: "get", scope: "public", target: "own", page: true } as const;
const leaving = { 303: nothing("To the provider") };
const arriving = { 200: text("A page that says so", "text/html"), 303: nothing("Back to where it began") };

export const foreignRoutes = [
  route({
    method: "get",
    scope: "public",
    target: "own",
    path: "/api/v1/auth/providers",
    operationId: "auth.providers",
    summary: "How one can sign in here",
    replies: {
      200: json(
        "By name",
        z.strictObject({ items: z.array(provider), passkeys: z.boolean(), registration: z.string() }),
      ),
    },
  }).handle(async (_call, { auth }) => ({
    status: 200,
    body: {
      items: [...auth.providers.values()].map(({ name, kind, label, redirectUri }) => ({
        ...{ name, kind, label },
        startUrl: redirectUri.replace(/callback$/, "start"),
      })),
      passkeys: hasPasskeys(auth.publicUrl),
      registration: auth.registration,
    },
  })),

  route({
    ...openly,
    path: "/api/v1/auth/oidc/{provider}/start",
    operationId: "auth.oidcStart",
    summary: "Send a browser to an OpenID provider",
    params,
    query: start,
    replies: leaving,
  }).handle((call, portal) => leave(findProvider(portal.auth, call.params.provider), call.query, portal)),

  route({
    ...openly,
    path: "/api/v1/auth/oidc/{provider}/callback",
    operationId: "auth.oidcCallback",
    audited: true,
    summary: "Where an OpenID provider sends the browser back to",
    params,
    query: back,
    replies: arriving,
  }).handle((call, portal) => comeBack(findProvider(portal.auth, call.params.provider), call, portal)),

  route({
    ...openly,
    path: "/api/v1/auth/github/start",
    operationId: "auth.githubStart",
    summary: "Send a browser to GitHub",
    query: start,
    replies: leaving,
  }).handle((call, portal) => leave(findProvider(portal.auth, "github"), call.query, portal)),

  route({
    ...openly,
    path: "/api/v1/auth/github/callback",
    operationId: "auth.githubCallback",
    audited: true,
    summary: "Where GitHub sends the browser back to",
    query: back,
    replies: arriving,
  }).handle((call, portal) => comeBack(findProvider(portal.auth, "github"), call, portal)),

  route({
    method: "post",
    scope: "public",
    target: "own",
    secret: true,
    path: "/api/v1/auth/exchange",
    operationId: "auth.exchange",
    summary: "Finish a command's sign-in elsewhere",
    description:
      "With the code that came to the command's port, within a minute, and the secret whose hash it began with.",
    body: z.strictObject({ code: z.string().max(200), verifier: z.string().regex(/^[\w-]{43,128}$/), keep }),
    replies: { 200: json("A session, or the demand for the second factor", z.union([signedIn, secondFactor])) },
  }).handle(async ({ body, request, note }, portal) => {
    const client = clientOf(request);
    const { provider, identity } = await redeem(portal.auth, body, "sign-in", client);
    const ending = admitted(await signInAs(portal.auth, provider, identity, client), provider, identity, note);
    return begun(ending, body.keep, portal, note);
  }),
];

async function leave(provider: Provider, query: z.output<typeof start>, portal: Portal) {
  const { loopback, challenge, state, purpose, returnTo = null } = query;
  const way: Way =
    loopback === undefined || challenge === undefined || state === undefined
      ? { kind: "browser", returnTo }
      : { kind: "command", loopback, challenge, state, purpose };
  const { url, ticket, seconds } = await depart(portal.auth, provider, way);
  const headers = {
    location: url.href,
    "set-cookie": ticketCookie("nebula_sign_in", ticket.reveal(), seconds, portal),
  };
  return { status: 303 as const, body: undefined, headers };
}

type BackCall = Pick<Call<unknown, unknown, unknown>, "request" | "note">;

async function comeBack(provider: Provider, { request, note }: BackCall, portal: Portal) {
  const query = new URL(request.originalUrl, portal.auth.publicUrl).searchParams;
  const ticket = cookieIn(request, "nebula_sign_in");
  const arrival = await arrive(portal.auth, provider, { query, ticket }, clientOf(request));
  if (arrival.kind === "for-command") return onwards(arrival.url.href, commandTrail(provider, arrival), portal);
  return arrival.owner === undefined
    ? enter(provider, arrival, { request, note }, portal)
    : linkHere(provider, { ...arrival, owner: arrival.owner }, note, portal);
}

type InBrowser = Extract<Arrival, { kind: "in-browser" }>;

/** A session for the browser, its refresh token in the cookie. */
async function enter(
  provider: Provider,
  { identity, returnTo }: InBrowser,
  { request, note }: BackCall,
  portal: Portal,
) {
  const ending = await signInAs(portal.auth, provider, identity, clientOf(request));
  const { kind, user, ...rest } = admitted(ending, provider, identity, note);
  const actor = user.email ?? user.id;
  if ("challenge" in rest) {
    const form = { mfaToken: rest.challenge.reveal(), next: returnTo };
    const page = { title: "One more step", lines: [`The account ${actor} has a second factor.`], form };
    return show(page, { actor, details: { provider: provider.name, secondFactor: "needed" } }, portal);
  }
  const { headers, body } = tokensToWire(rest.tokens, "cookie", portal);
  const cookies = Object.values(headers);
  const trail = { actor, resource: body.sessionId, details: { provider: provider.name } };
  if (returnTo !== null) return onwards(returnTo, trail, portal, cookies);
  return show({ title: "Signed in", lines: [`You are signed in as ${actor}.`] }, trail, portal, cookies);
}

async function linkHere(
  provider: Provider,
  { identity, owner, returnTo }: InBrowser & { readonly owner: NonNullable<InBrowser["owner"]> },
  note: BackCall["note"],
  portal: Portal,
) {
  const person = await ownerOf(portal.auth, owner);
  const trail = { actor: person.user.email ?? person.user.id, resource: identity.provider, details: { linked: true } };
  note(trail);
  await link(portal.auth, person, provider, identity);
  if (returnTo !== null) return onwards(returnTo, trail, portal);
  const lines = [`${identity.login ?? "Your identity"} at ${provider.label} signs you in from now on.`];
  return show({ title: "Linked", lines }, trail, portal);
}

/** Nothing is noted of a command's way here but a refusal: its sign-in is in the audit when it redeems the code. */
const commandTrail = ({ name }: Provider, { error }: Extract<Arrival, { kind: "for-command" }>): Trail | undefined =>
  error === undefined
    ? undefined
    : { actor: "anonymous", result: "refused", details: { provider: name, code: error.code } };

const spent = (portal: Portal): string => ticketCookie("nebula_sign_in", "", 0, portal);

/** `to` is a path of ours, or a command's port on the person's own machine: both were checked when they were given. */
const onwards = (to: string, trail: Trail | undefined, portal: Portal, cookies: readonly string[] = []) => ({
  status: 303 as const,
  ...(trail === undefined ? {} : { trail }),
  async write(response: ResponseOf) {
    response.setHeader("set-cookie", [spent(portal), ...cookies]);
    response.setHeader("location", to);
    response.end();
  },
});

const show = (page: Page, trail: Trail, portal: Portal, cookies: readonly string[] = []) => ({
  status: 200 as const,
  trail,
  async write(response: ResponseOf) {
    response.setHeader("set-cookie", [spent(portal), ...cookies]);
    sendPage(response, page);
  },
});
type ResponseOf = NonNullable<Request["res"]>;

/** @throws NEB638, NEB665 */
export function admitted(
  ending: ForeignSignIn,
  { name, label }: Provider,
  { provider, subject, login }: { readonly provider: string; readonly subject: string; readonly login: string | null },
  note: BackCall["note"],
) {
  if (ending.kind === "signed-in" || ending.kind === "second-factor") return ending;
  const actor = ending.kind === "refused" ? (ending.user?.email ?? ending.user?.id) : undefined;
  note({ actor: actor ?? "anonymous", details: { provider: name, identity: `${subject}@${provider}` } });
  const who = login ?? subject;
  if (ending.kind === "refused") throw signInRefused(`the account of ${who} at ${label} cannot sign in`);
  if (ending.kind === "not-linked")
    throw identityNotLinked(`${label} says that you are ${who}, who has no account here`);
  throw identityNotLinked(
    `${label} says that you are ${who}, without a verified e-mail address that may come this way`,
    {
      hint: "Verify your address there, or ask an administrator which e-mail domains may sign in by this provider.",
    },
  );
}

function hasPasskeys(publicUrl: string): boolean {
  try {
    return siteOf(publicUrl).rpId !== "";
  } catch {
    return false;
  }
}
