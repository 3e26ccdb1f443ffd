import { z } from "zod";
import { Secret } from "../../../platform/core/index.ts";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { ping } from "../events/ping.ts";
import { pushEvent } from "../events/push-event.ts";
import { hookVaultContext } from "../events/sign.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { invalid, notFound } from "../http/refusal.ts";
import { idParam, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import {
  deleteHook,
  findHook,
  type Hook,
  type HookSettings,
  insertHook,
  listHooks,
  updateHook,
} from "../store/hooks.ts";
import { hookToWire } from "../wire/hook.ts";
import { deliveryRoutes } from "./deliveries.ts";

const config = z.object({
  url: z.url({ protocol: /^https?$/ }).max(2048),
  content_type: z.enum(["json", "form"]).default("form"),
  secret: z.string().max(1024).optional(),
  insecure_ssl: z.union([z.literal("0"), z.literal("1"), z.literal(0), z.literal(1)]).default("0"),
});
const newHook = z.object({
  name: z.literal("web").default("web"),
  active: z.boolean().default(true),
  events: z
    .array(z.string().regex(/^([a-z_]{1,64}|\*)$/))
    .min(1)
    .default(["push"]),
  config,
});
const changes = z.object({
  active: z.boolean().optional(),
  events: z.array(z.string()).min(1).optional(),
  add_events: z.array(z.string()).optional(),
  remove_events: z.array(z.string()).optional(),
  config: config.optional(),
});

export const hookRoutes = [
  repositoryRoute("GET", "/hooks", ["repository_hooks:read"], async (call) => {
    const page = pageOf(call);
    const hooks = await listHooks(call.context.sql, call.repository.id);
    return pageAnswer(
      slicePage(hooks, page).map((hook) => hookToWire(call, hook)),
      page,
      hooks.length,
    );
  }),
  repositoryRoute("POST", "/hooks", ["repository_hooks:write"], create),
  repositoryRoute("GET", "/hooks/:id", ["repository_hooks:read"], async (call) => ({
    body: hookToWire(call, await theHook(call)),
  })),
  repositoryRoute("PATCH", "/hooks/:id", ["repository_hooks:write"], async (call) => {
    const body = parseBody(call, "Hook", changes);
    const hook = await theHook(call);
    const removed = new Set(body.remove_events);
    const events = [...new Set([...(body.events ?? hook.events), ...(body.add_events ?? [])])].filter(
      (event) => !removed.has(event),
    );
    const settings = {
      ...(body.config === undefined ? hook : { ...hook, ...settingsOf(call, body.config, hook.secretSealed) }),
      ...{ events, active: body.active ?? hook.active },
    };
    return { body: hookToWire(call, await updateHook(call.context.sql, hook.id, settings, now(call.context))) };
  }),
  repositoryRoute("DELETE", "/hooks/:id", ["repository_hooks:write"], async (call) => {
    await deleteHook(call.context.sql, (await theHook(call)).id);
    return {};
  }),
  repositoryRoute("POST", "/hooks/:id/pings", ["repository_hooks:read"], async (call) => {
    await ping(call.context, call.repository, await theHook(call), call.caller.account());
    return {};
  }),
  repositoryRoute("POST", "/hooks/:id/tests", ["repository_hooks:read"], async (call) => {
    await theHook(call);
    const name = `refs/heads/${call.repository.defaultBranch}`;
    const after = (await call.git.revParse(name)) ?? null;
    const before = after === null ? null : ((await call.git.commit(after))?.parents[0] ?? null);
    const event = pushEvent(call.context, call.repository, call.caller.account(), { name, before, after }, false);
    await withEvents(call.context, (_sql, emit) => emit(event));
    return {};
  }),
  ...deliveryRoutes(theHook),
];

async function theHook(call: RepositoryCall): Promise<Hook> {
  const hook = await findHook(call.context.sql, call.repository.id, idParam(call, "id"));
  if (hook === undefined) throw notFound();
  return hook;
}

async function create(call: RepositoryCall) {
  const { context, repository, caller } = call;
  const body = parseBody(call, "Hook", newHook);
  const settings: HookSettings = { ...settingsOf(call, body.config, null), events: body.events, active: body.active };
  const same = (hook: Hook) => hook.url === settings.url && hook.contentType === settings.contentType;
  if ((await listHooks(context.sql, repository.id)).some(same))
    throw invalid("Hook", "base", "custom", "Hook already exists on this repository");
  const hook = await insertHook(context.sql, { repository: repository.id, app: null }, settings, now(context));
  await ping(context, repository, hook, caller.account());
  const wire = hookToWire(call, hook);
  return { status: 201, body: wire, headers: { Location: wire.url } };
}

function settingsOf(call: RepositoryCall, given: z.infer<typeof config>, sealed: string | null) {
  const keeps = given.secret === undefined || given.secret === "********";
  const seal = (text: string) => (text === "" ? null : call.context.vault.seal(new Secret(text), hookVaultContext));
  return {
    url: given.url,
    contentType: given.content_type,
    secretSealed: keeps ? sealed : seal(given.secret ?? ""),
    insecureSsl: String(given.insecure_ssl) === "1",
  };
}
