import { gatesIn, isRetired, readGate } from "../../platform/compute/index.ts";
import { gatewayPorts, type Scope, Secret, systemClock } from "../../platform/core/index.ts";
import { makeFiles } from "../files/index.ts";
import { askPortal, type DataWebOptions, makeKeys } from "../web/index.ts";
import type { Outside } from "./outside.ts";
import { keepSecret } from "./secrets.ts";
import type { Settings } from "./settings.ts";

type FilesParts = Pick<DataWebOptions, "account" | "observe"> & { readonly outside: Outside };

/** Buckets, where there is a server for them. */
export async function openFiles(
  config: Settings,
  scope: Scope,
  { account, outside, observe }: FilesParts,
): Promise<void> {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_HOST: host, NEBULA_VERSITYGW_BIN: bin } = config;
  if (bin === "") return;
  const { portal, ...tls } = outside;
  const files = makeFiles({
    ...{ dataDir, bin, account, observe, clock: systemClock, domain: config.NEBULA_GATEWAY_DOMAIN },
    secret: new Secret(keepSecret(dataDir, "files-secret").toString("base64url")),
    keys: makeKeys({ ask: askPortal({ ...portal, about: "files" }), clock: systemClock }),
    gateOf: (id) => readGate(dataDir, id),
    databases: () => gatesIn(dataDir),
    isRetired: (id) => isRetired(dataDir, id),
    ...tls,
  });
  await files.listen(gatewayPorts(config.NEBULA_PORT, config).files, host);
  scope.add(files, (it) => it.close(config.NEBULA_GATEWAY_DRAIN_SECONDS * 1000));
}
