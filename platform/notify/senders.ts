import type { Clock, Secret } from "../core/index.ts";
import { asNebulaError } from "../core/index.ts";
import type { TenantSecrets } from "../keys/index.ts";
import type { Mailer } from "../mail/index.ts";
import type { MessageRow } from "../store/index.ts";
import { type Attempt, post, signedHeaders, signingKey } from "../webhooks/index.ts";
import type { Channel } from "./channels.ts";
import { wordsOf } from "./words.ts";

export type Sent = Attempt;

/** One attempt to tell one channel. Never throws; an error says nothing of an address or a key. */
export type Sender = (channel: Channel, message: MessageRow) => Promise<Sent>;

export type SenderDeps = {
  readonly secrets: Pick<TenantSecrets, "get">;
  readonly mailer: Pick<Mailer, "send">;
  /** Guarded, with its time and size. */
  readonly fetch: typeof fetch;
  readonly clock: Pick<Clock, "now">;
  readonly closing: AbortSignal;
};

export const makeSenders =
  (deps: SenderDeps): Sender =>
  async (channel, message) => {
    try {
      return await senders[channel.kind](channel as never, message, deps);
    } catch (thrown) {
      return { status: 0, error: asNebulaError(thrown).message.slice(0, 300) };
    }
  };

type Send<K extends Channel["kind"]> = (
  channel: Extract<Channel, { kind: K }>,
  message: MessageRow,
  deps: SenderDeps,
) => Promise<Sent>;

const senders: { readonly [K in Channel["kind"]]: Send<K> } = {
  async email({ address, id: channel }, message, { mailer }) {
    const { title, lines } = wordsOf(message);
    // A mailbox that gets it twice can tell: the id is that of the message, whatever the attempt.
    await mailer.send({
      id: messageId(message, channel),
      to: address,
      subject: title,
      text: [...lines, "", `You are told because tenants/${message.tenant}/tenant.ts says so.`, ""].join("\n"),
    });
    return { status: 0, error: null };
  },

  async webhook({ tenant, url, secret: name, id: channel }, message, { secrets, fetch, clock, closing }) {
    const body = webhookBody(message);
    const key = signingKey(await secrets.get(tenant, name), name);
    const headers = signedHeaders(key, { id: messageId(message, channel), body }, clock.now());
    return post(fetch, { url, headers, body, signal: closing });
  },

  async slack({ tenant, secret: name }, message, { secrets, fetch, closing }) {
    const url = await secrets.get(tenant, name);
    if (url === undefined) return { status: 0, error: `there is no secret ${name}` };
    const headers = { "content-type": "application/json" };
    const attempt = await post(fetch, { url: url.reveal().trim(), headers, body: slackBody(message), signal: closing });
    // Whoever knows the address can write there: what the network says of it is not kept.
    return attempt.status === 0 ? { status: 0, error: withoutAddress(attempt.error, url) } : attempt;
  },
};

const messageId = ({ id }: MessageRow, channel: string): string => `${id.replaceAll(/[^\w.-]/g, "-")}-${channel}`;

function webhookBody(row: MessageRow): string {
  const { kind, at, tenant, project, data } = row;
  const { title } = wordsOf(row);
  return JSON.stringify({ type: kind, timestamp: at.toISOString(), data: { tenant, project, title, ...data } });
}

/** What Slack, Mattermost, Discord's `/slack` and others take. */
function slackBody(row: MessageRow): string {
  const { title, lines } = wordsOf(row);
  return JSON.stringify({ text: [`*${plain(title)}*`, ...lines.map(plain)].join("\n") });
}

/** What Slack reads as markup. */
const plain = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function withoutAddress(error: string | null, url: Secret): string {
  const host = URL.parse(url.reveal().trim())?.host;
  if (host === undefined) return "the secret is no address";
  return error?.includes(host) === true ? `${host} was not reached or is not allowed` : "the address was not reached";
}
