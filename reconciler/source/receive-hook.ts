import { createHash } from "node:crypto";
import { Secret } from "../../platform/core/index.ts";
import { verifyWebhook } from "../../platform/github/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { findRepository, type RepositoryRow, recordDelivery } from "../../platform/store/index.ts";
import type { Hosts } from "./hosts.ts";

/** A delivery as it came: header names in lower case, the body's exact bytes. */
export type Delivery = {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
};

export type Received =
  | {
      readonly kind: "accepted";
      readonly event: string;
      readonly repository: RepositoryRow;
      readonly happened: Happened;
      /** Commits that it speaks of, the most telling first: a trace may go on with one of them. */
      readonly commits: readonly string[];
    }
  | { readonly kind: "duplicate"; readonly event: string }
  /** Signed, and about something older than deliveries are remembered: a replay, or so late that the poll has seen it. */
  | { readonly kind: "stale"; readonly event: string }
  /** Wrong signature, unknown repository, or no JSON: one answer, so that nobody learns which. */
  | { readonly kind: "refused"; readonly event: string };

/** What a delivery hints at. It says where to look; what is true is read from the host. */
export type Happened =
  | { readonly kind: "push" }
  | { readonly kind: "pull"; readonly number: number }
  | { readonly kind: "nothing" };

const nobody = new Secret("no repository, no secret: only to spend the same time");

/** A host sends again for three days; deliveries are remembered for seven (`pruneDeliveries`). */
const replayWindowMs = 4 * 86_400_000;

/** Whether a request is worth its body: what has no signature's and no delivery's form is refused before it is read. */
export const isDelivery = (headers: Delivery["headers"]): boolean =>
  /^sha256=[0-9a-f]{64}$/.test(String(headers["x-hub-signature-256"])) &&
  /^[\w-]{1,64}$/.test(String(headers["x-github-delivery"]));

/**
 * Judges a delivery. The signature is over the raw bytes and compared in constant time, under the secret and, while a rotation
 * overlaps, the one before it; a delivery counts once, by its id and by its body, because the id is not signed.
 */
export async function receiveHook(sql: Sql, hosts: Hosts, { headers, body }: Delivery): Promise<Received> {
  const event = eventOf(headers["x-github-event"]);
  const id = headers["x-github-delivery"];
  const signature = headers["x-hub-signature-256"];
  const payload = parse(body);
  const repository = await repositoryOf(sql, payload);
  const [secret = nobody, old = nobody] = repository === undefined ? [] : hosts.hookSecrets(repository);
  const given = typeof signature === "string" ? signature : undefined;
  const signed = [verifyWebhook(secret, body, given), verifyWebhook(old, body, given)];
  if (!signed.includes(true) || repository === undefined || typeof id !== "string" || !isDelivery(headers))
    return { kind: "refused", event };
  if (Date.now() - (happenedAtMs(event, payload) ?? Date.now()) > replayWindowMs) return { kind: "stale", event };
  const digest = createHash("sha256").update(body).digest("hex");
  const isNew = await sql.tx(async (tx) => {
    const byId = await recordDelivery(tx, id);
    return (await recordDelivery(tx, `${repository.id}:${digest}`)) && byId;
  });
  if (!isNew) return { kind: "duplicate", event };
  const happened = happenedIn(event, payload, repository);
  return { kind: "accepted", event, repository, happened, commits: commitsIn(event, payload) };
}

type Payload = Readonly<Record<string, unknown>>;

/** What the signed body itself says of its time: a push in seconds, a pull request as a timestamp. */
function happenedAtMs(event: string, payload: Payload): number | undefined {
  const part = (name: string) => (payload[name] ?? {}) as Payload;
  if (event === "push") {
    const { pushed_at: seconds } = part("repository");
    return typeof seconds === "number" ? seconds * 1000 : undefined;
  }
  const { updated_at: at } = part("pull_request");
  const ms = typeof at === "string" ? Date.parse(at) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function happenedIn(event: string, payload: Payload, { defaultBranch }: RepositoryRow): Happened {
  if (event === "push") return payload.ref === `refs/heads/${defaultBranch}` ? { kind: "push" } : { kind: "nothing" };
  const { number } = payload;
  if (event === "pull_request" && typeof number === "number" && Number.isSafeInteger(number))
    return { kind: "pull", number };
  return { kind: "nothing" };
}

function commitsIn(event: string, payload: Payload): readonly string[] {
  const pull = (payload.pull_request ?? {}) as Payload;
  const { sha: head } = (pull.head ?? {}) as Payload;
  const named = event === "push" ? [payload.after] : pull.merged === true ? [pull.merge_commit_sha, head] : [head];
  return named.filter((one): one is string => typeof one === "string" && /^(?!0+$)[0-9a-f]{40}$/.test(one));
}

async function repositoryOf(sql: Sql, { repository }: Payload): Promise<RepositoryRow | undefined> {
  const { full_name: name } = (typeof repository === "object" && repository !== null ? repository : {}) as Payload;
  const [owner, repo, ...rest] = typeof name === "string" && name.length < 300 ? name.split("/") : [];
  if (owner === undefined || repo === undefined || rest.length > 0) return undefined;
  return findRepository(sql, owner, repo);
}

function parse(body: Buffer): Payload {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Payload) : {};
  } catch {
    return {};
  }
}

/** A label of a metric: only names that we know. */
const eventOf = (header: string | string[] | undefined): string =>
  header === "push" || header === "pull_request" || header === "ping" ? header : "other";
