import { z } from "zod";
import type { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { named } from "./schemas.ts";

/** Where clients of databases connect: one gateway for all of them. */
export type Gateway = {
  /** As its certificate names it. */
  readonly host: string;
  readonly directPort: number;
  /** null: there is no pooled endpoint here. */
  readonly pooledPort: number | null;
  /** Where data APIs are: `/<tenant>/<project>/<database>/rest/v1` follows. */
  readonly apiUrl: string;
  /** Host names under it are web sites of buckets. */
  readonly domain: string;
  /** Where buckets are: `/<bucket>/<object>` follows. null: there are none here. */
  readonly filesUrl: string | null;
  /** Credentials of buckets follow from it; null: there is none yet. */
  readonly filesSecret: () => Promise<Secret | null>;
  /** Where it says how it is (/readyz); null: nobody is told, and the status page does not speak of it. */
  readonly healthUrl?: string | null;
  /** What the gateway proves itself by when it asks whom a key speaks for; null: there is none yet. */
  readonly secret: () => Promise<Secret | null>;
  /** PEM of the authority that signed its certificate; null: one that every client knows. */
  readonly rootCertificate: () => Promise<string | null>;
};

const endpoint = z.strictObject({
  host: z.string(),
  port: z.int(),
  database: z.string().describe("Names the database for ever: tenant.project.database."),
  url: z.string().describe("With the password. A client verifies the server by `rootCertificate`."),
});

export const endpoints = named(
  "Endpoints",
  "How a database is reached from anywhere: through the gateway, which wakes it when it sleeps.",
  z.strictObject({
    direct: endpoint.describe("Every feature of the protocol."),
    pooled: endpoint.nullable().describe("For many short sessions: a server connection for each transaction."),
    readOnly: endpoint.nullable().describe("Its standbys, one after the other; null: it has none."),
    rootCertificate: z
      .string()
      .nullable()
      .describe("PEM, for sslrootcert; null: an authority that every client knows."),
  }),
);

type Login = { readonly role: string; readonly password: string };

type Of = { readonly id: DatabaseId /** Whether it has standbys. */; readonly replicated: boolean };

export async function endpointsOf(gateway: Gateway, { id, replicated }: Of, { role, password }: Login) {
  const { host, directPort, pooledPort } = gateway;
  const at = (port: number, database: string = id) => ({
    ...{ host, port, database },
    url: `postgres://${role}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=verify-full`,
  });
  return {
    direct: at(directPort),
    pooled: pooledPort === null ? null : at(pooledPort),
    readOnly: replicated ? at(directPort, `${id}@ro`) : null,
    rootCertificate: await gateway.rootCertificate(),
  };
}

/** Where a database's data API is. */
export const apiUrlOf = ({ apiUrl }: Pick<Gateway, "apiUrl">, id: DatabaseId): string =>
  `${apiUrl}/${id.replaceAll(".", "/")}/rest/v1`;
