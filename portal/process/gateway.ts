import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gatewayNames, gatewayPorts, Secret } from "../../platform/core/index.ts";
import type { Gateway } from "../api/index.ts";
import type { Settings } from "./settings.ts";

/** The gateway beside this portal, by the settings that it has itself. */
export function readGateway(config: Settings): Gateway {
  const [name = ""] = gatewayNames(config.NEBULA_GATEWAY_NAMES);
  const ports = gatewayPorts(config.NEBULA_PORT, config);
  const listens = config.NEBULA_GATEWAY_HOST;
  const everywhere = listens === "0.0.0.0" || listens === "::";
  const own = config.NEBULA_GATEWAY_TLS_CERT === "";
  return {
    host: name !== "" && !name.startsWith("*") ? name : everywhere ? "localhost" : listens,
    directPort: ports.direct,
    pooledPort: config.NEBULA_PGBOUNCER_BIN === "" ? null : ports.pooled,
    apiUrl: apiAddress(ports.api, listens, name),
    healthUrl: healthAddress(config.NEBULA_GATEWAY_HEALTH_URL, ports.web),
    domain: config.NEBULA_GATEWAY_DOMAIN,
    filesUrl: config.NEBULA_VERSITYGW_BIN === "" ? null : apiAddress(ports.files, listens, name),
    filesSecret: () => gatewaySecret(config, "files-secret"),
    secret: () => gatewaySecret(config, "portal-secret"),
    rootCertificate: async () =>
      own ? await readFile(join(config.NEBULA_DATA, "tls", "ca.pem"), "utf8").catch(() => null) : null,
  };
}

/** Where the gateway says how it is: on this machine, unless told otherwise; `none`: no portal can ask. */
const healthAddress = (told: string, port: number): string | null =>
  told === "none" ? null : told || `http://127.0.0.1:${port}/readyz`;

async function gatewaySecret(config: Settings, file: "portal-secret" | "files-secret"): Promise<Secret | null> {
  const bytes = await readFile(join(config.NEBULA_DATA, "gateway", file)).catch(() => undefined);
  return bytes === undefined ? null : new Secret(bytes.toString("base64url"));
}

/** In clear on this machine alone, by TLS for others, as the gateway serves it. */
function apiAddress(port: number, listens: string, name: string): string {
  if (/^(127\.|::1$|localhost$)/.test(listens)) return `http://127.0.0.1:${port}`;
  return `https://${name !== "" && !name.startsWith("*") ? name : "localhost"}:${port}`;
}
