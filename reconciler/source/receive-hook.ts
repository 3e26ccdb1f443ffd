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
    }
  | { readonly kind: "duplicate"; readonly event: string }
  /** Wrong signature, unknown repository, or no JSON: one answer, so that nobody learns which. */
  | { readonly kind: "refused"; readonly event: string };

/** What a delivery hints at. It says where to look; what is true is read from the host. */
export type Happened =
  | { readonly kind: "push" }
  | { readonly kind: "pull"; readonly number: number }
  | { readonly kind: "nothing" };

const nobody = new Secret("no repository, no secret: only to spend the same time");

/**
 * Judges a delivery. The signature is over the raw bytes and compared in constant time; a delivery counts once, by its id and by
 * its body, because the id is not signed.
 */
export async function receiveHook(sql: Sql, hosts: Hosts, { headers, body }: Delivery): Promise<Received> {
  const event = eventOf(headers["x-github-event"]);
  const id = headers["x-github-delivery"];
  const signature = headers["x-hub-signature-256"];
  const payload = parse(body);
  const repository = await repositoryOf(sql, payload);
  const secret = repository === undefined ? nobody : hosts.hookSecret(repository);
  const isSigned = verifyWebhook(secret, body, typeof signature === "string" ? signature : undefined);
  if (!isSigned || repository === undefined || typeof id !== "string" || !/^[\w-]{1,64}$/.test(id))
    return { kind: "refused", event };
  const digest = createHash("sha256").update(body).digest("hex");
  const isNew = await sql.tx(async (tx) => {
    const byId = await recordDelivery(tx, id);
    return (await recordDelivery(tx, `${repository.id}:${digest}`)) && byId;
  });
  if (!isNew) return { kind: "duplicate", event };
  return { kind: "accepted", event, repository, happened: happenedIn(event, payload, repository) };
}

type Payload = Readonly<Record<string, unknown>>;

function happenedIn(event: string, payload: Payload, { defaultBranch }: RepositoryRow): Happened {
  if (event === "push") return payload.ref === `refs/heads/${defaultBranch}` ? { kind: "push" } : { kind: "nothing" };
  const { number } = payload;
  if (event === "pull_request" && typeof number === "number" && Number.isSafeInteger(number))
    return { kind: "pull", number };
  return { kind: "nothing" };
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
