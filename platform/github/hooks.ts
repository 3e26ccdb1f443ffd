import { type Call, findOrMake, once, orMissing, type Repository } from "./call.ts";
import type { Hook, HookDelivery, HookWanted } from "./types.ts";

export type Hooks = {
  /**
   * The repository's webhook as wanted: `known`, else the one with this address, else a new one. Repeated it is the same hook; an
   * address that changed moves it.
   */
  ensureHook(hook: HookWanted, known?: number): Promise<{ readonly id: number }>;
  /** Newest first, one page of a hundred. */
  listHooks(): Promise<readonly Hook[]>;
  /** Undefined when it is gone. */
  getHook(hook: number): Promise<Hook | undefined>;
  /** Deleting what is gone is success. */
  deleteHook(hook: number): Promise<void>;
  /** The host sends a `ping` event. */
  pingHook(hook: number): Promise<void>;
  /** Newest first, one page. */
  listDeliveries(hook: number): Promise<readonly HookDelivery[]>;
  redeliver(hook: number, delivery: number): Promise<void>;
};

export function makeHooks(call: Call, repository: Repository): Hooks {
  const toWire = ({ url, secret, events }: HookWanted) => ({
    ...repository,
    active: true,
    events: [...events],
    config: { url, content_type: "json", secret: secret.reveal(), insecure_ssl: "0" },
  });
  const hooks: Hooks = {
    async ensureHook(wanted, known) {
      const byAddress = async () => (await hooks.listHooks()).find(({ url }) => url === wanted.url);
      const existing = (known === undefined ? undefined : await hooks.getHook(known)) ?? (await byAddress());
      if (existing === undefined)
        return findOrMake(byAddress, () =>
          call("set up the webhook", async ({ rest }) => {
            const { data } = await rest.repos.createWebhook({ ...toWire(wanted), request: once });
            return { id: data.id };
          }),
        );
      return call("change the webhook", async ({ rest }) => {
        const { data } = await rest.repos.updateWebhook({ ...toWire(wanted), hook_id: existing.id });
        return { id: data.id };
      });
    },
    listHooks: () =>
      call("list the webhooks", async ({ rest }) => {
        const { data } = await rest.repos.listWebhooks({ ...repository, per_page: 100 });
        return data.map(fromWire);
      }),
    getHook: (hook) =>
      orMissing(
        call(`read webhook ${hook}`, async ({ rest }) =>
          fromWire((await rest.repos.getWebhook({ ...repository, hook_id: hook })).data),
        ),
      ),
    async deleteHook(hook) {
      await orMissing(
        call(`delete webhook ${hook}`, ({ rest }) => rest.repos.deleteWebhook({ ...repository, hook_id: hook })),
      );
    },
    pingHook: (hook) =>
      call(`ping webhook ${hook}`, async ({ rest }) => {
        await rest.repos.pingWebhook({ ...repository, hook_id: hook });
      }),
    listDeliveries: (hook) =>
      call("list webhook deliveries", async ({ rest }) => {
        const { data } = await rest.repos.listWebhookDeliveries({ ...repository, hook_id: hook, per_page: 100 });
        return data.map(({ id, guid, event, status, status_code, delivered_at }) => ({
          ...{ id, guid, event, status, statusCode: status_code, deliveredAt: delivered_at },
        }));
      }),
    redeliver: (hook, delivery) =>
      call(`send webhook delivery ${delivery} again`, async ({ rest }) => {
        await rest.repos.redeliverWebhookDelivery({ ...repository, hook_id: hook, delivery_id: delivery });
      }),
  };
  return hooks;
}

type Wire = {
  readonly id: number;
  readonly active: boolean;
  readonly events: readonly string[];
  readonly config: { readonly url?: string; readonly content_type?: string; readonly secret?: string };
  readonly last_response: { readonly code: number | null; readonly message: string | null };
};

const fromWire = ({ id, active, events, config, last_response }: Wire): Hook => ({
  ...{ id, active, events, url: config.url ?? "", contentType: config.content_type ?? "form" },
  hasSecret: (config.secret ?? "") !== "",
  lastCode: last_response.code,
  lastMessage: last_response.message ?? "",
});
