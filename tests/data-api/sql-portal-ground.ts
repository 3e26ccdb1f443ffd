/** The whole way of a statement: a portal, the gateway's SQL endpoint as HTTP, a database and a branch of it. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JSONWebKeySet } from "jose";
import { makeConnect, makeSqlDesk, makeSqlHttp, makeSqlTokens } from "../../gateway/statements/index.ts";
import { ignoreObservations, systemClock } from "../../platform/core/index.ts";
import { makeParser } from "../../platform/grammar/index.ts";
import type { Role } from "../../platform/identity/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { startingKeeper } from "../gateway/ground.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

export type SqlPortal = {
  readonly ground: Ground;
  readonly portal: TestPortal;
  readonly gatewayUrl: string;
  readonly bytes: { bytesIn: number; bytesOut: number };
  as(role: Role, user?: string): Promise<Caller>;
  close(): Promise<void>;
};

/** Of shop/store: `orders` is a database, `feature` a branch of it. */
export const sqlPath = (database = "orders") => `/api/v1/domain/shop/project/store/databases/${database}/sql`;

export async function startSqlPortal(): Promise<SqlPortal> {
  const ground = await makeGround({ spares: 0 });
  for (const name of ["orders", "feature"])
    await ground.driver.ensure(await wish({ id: `shop.store.${name}` as DatabaseId }));
  const parser = makeParser({ timeoutMs: 60_000 });
  const desk = makeSqlDesk({
    connect: makeConnect({ dataDir: ground.dataDir, keeper: startingKeeper(ground) }),
    parser,
  });
  const bytes = { bytesIn: 0, bytesOut: 0 };
  let portalUrl = "";
  const ask = async () => (await (await fetch(`${portalUrl}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const sql = makeSqlHttp({
    ...{ desk, account: () => bytes, observe: ignoreObservations },
    verify: makeSqlTokens({ dataDir: ground.dataDir, ask, clock: systemClock }),
  });
  const server = createServer((request, response) => {
    const [, tenant, project, database, ...rest] = (request.url ?? "").split("/");
    const id = [tenant, project, database].join(".");
    void sql(request, response, { path: `/${rest.join("/")}`, database: id }).then((ours) => {
      if (!ours) response.writeHead(404).end();
    });
  });
  const gatewayUrl = await listen(server);
  const portal = await startPortal({ gateway: { apiUrl: gatewayUrl } });
  portalUrl = portal.url;
  await deployShop(portal.sql, ["orders", "feature"]);
  // as a branch stands in the ledger
  await portal.sql.query(
    `update instances set spec = jsonb_set(spec::jsonb, '{branch}', '{"of": "orders", "at": null, "ttlSeconds": null}') where database = 'feature'`,
  );
  await portal.sql.query(
    `update projects set wanted_spec = jsonb_set(wanted_spec::jsonb, '{databases}', (select jsonb_agg(case when d ->> 'name' = 'feature'
       then jsonb_set(d, '{branch}', '{"of": "orders", "at": null, "ttlSeconds": null}') else d end) from jsonb_array_elements(wanted_spec::jsonb -> 'databases') d))`,
  );
  return {
    ...{ ground, portal, gatewayUrl, bytes },
    as: async (role, user) => portal.as(await portal.tokenFor(role, undefined, undefined, user)),
    async close() {
      await portal.close();
      await desk.close();
      await parser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await ground.clear();
    },
  };
}

const listen = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
