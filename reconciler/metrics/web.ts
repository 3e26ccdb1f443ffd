import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import pLimit from "p-limit";
import { exposition, type Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { listReplicas, listScraped, type ScrapedDatabase } from "../../platform/store/index.ts";
import { type ExposedDatabase, exposed } from "../../platform/telemetry/index.ts";
import { databasePageTargets, exporterTargets, processTargets } from "./discovery.ts";
import { lookRefused, nothingToLookAt } from "./errors.ts";
import { lookNow, type MetricsParts } from "./pass.ts";
import { fromRow } from "./sample-row.ts";

export type MetricsWeb = MetricsParts & {
  /** Where this process serves. */
  readonly address: string;
  /** `host:port` of the gateway beside it; null where none runs. */
  readonly gateway: string | null;
  /** What a portal shows; both derive it. */
  readonly word: Secret;
};

export type MetricsAnswer = { readonly status: number; readonly type: string; readonly body: string };

/** The pages' answers, for a web server that does not know the path itself; undefined: nor is it one of these. */
export type AnswerMetrics = (request: IncomingMessage) => Promise<MetricsAnswer | undefined>;

/** Looks for portals at a time; the pass has its own. */
const atOnce = 8;

/**
 * GET /metrics/databases, /discovery/{processes,databases,exporters} for Prometheus, and /databases/{id}/sample for portals.
 *
 * 1. A page is made once for all who ask for it while it is made, and a database is looked at once for all who ask meanwhile.
 * 2. However many databases are asked about, `atOnce` are looked at: who asks waits, or is answered by the ledger's row.
 */
export function makeMetricsWeb(parts: MetricsWeb): AnswerMetrics {
  const limit = pLimit(atOnce);
  const pages = joined((id: string) => databasePage(parts, id === everyDatabase ? undefined : id));
  const looks = joined((id: DatabaseId) => limit(() => lookNow(parts, id)));
  return async (request) => {
    if (request.method !== "GET") return undefined;
    const { pathname, searchParams } = URL.parse(request.url ?? "/", "http://here") ?? new URL("http://here");
    switch (pathname) {
      case "/metrics/databases": {
        const id = searchParams.get("database");
        if (id !== null && !isId.test(id)) return undefined;
        return pages(id ?? everyDatabase);
      }
      case "/discovery/processes":
        return json(processTargets(await listReplicas(parts.sql), parts.gateway));
      case "/discovery/databases":
        return json(databasePageTargets(parts.address));
      case "/discovery/exporters":
        return json(exporterTargets(await listScraped(parts.sql)));
      default: {
        const [, id = ""] = /^\/databases\/([^/]+)\/sample$/.exec(pathname) ?? [];
        if (!isId.test(id)) return undefined;
        requireWord(parts.word, request);
        const sample = await looks(id as DatabaseId);
        if (sample === undefined) throw nothingToLookAt(`${id} does not run here`);
        return json(sample);
      }
    }
  };
}

const isId = /^[a-z0-9.-]{1,128}$/;
/** No database is called so. */
const everyDatabase = "";

/** Who asks for what is being made gets the same. */
function joined<K, V>(make: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const underWay = new Map<K, Promise<V>>();
  return (key) => {
    const found = underWay.get(key) ?? make(key).finally(() => underWay.delete(key));
    underWay.set(key, found);
    return found;
  };
}

const json = (body: unknown): MetricsAnswer => ({ status: 200, type: "application/json", body: JSON.stringify(body) });

async function databasePage({ sql, clock }: MetricsWeb, id: string | undefined): Promise<MetricsAnswer> {
  const rows = await listScraped(sql, id);
  const { contentType, body } = await exposition(exposed(rows.flatMap(toExposed), clock?.now() ?? Date.now()));
  return { status: 200, type: contentType, body };
}

/** What nobody has looked at yet has nothing to tell. */
function toExposed({ id, engine, sample }: ScrapedDatabase): readonly ExposedDatabase[] {
  const [tenant = "", project = "", database = ""] = id.split(".");
  return sample === null ? [] : [{ tenant, project, database, engine, sample: fromRow(sample) }];
}

/** @throws NEB470 */
function requireWord(word: Secret, { headers }: IncomingMessage): void {
  const shown = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  if (!timingSafeEqual(digest(shown), digest(word.reveal()))) throw lookRefused("the word is not ours");
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
