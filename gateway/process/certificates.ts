import { gatewayNames, type Observe, systemClock } from "../../platform/core/index.ts";
import { type Certificates, openCertificates } from "../tls/index.ts";
import type { Settings } from "./settings.ts";

/** For the names that clients know it by: given ones, else the platform's own. */
export function openGatewayCertificates(config: Settings, observe: Observe): Promise<Certificates> {
  const { NEBULA_GATEWAY_TLS_CERT: cert, NEBULA_GATEWAY_TLS_KEY: key, NEBULA_GATEWAY_DOMAIN: domain } = config;
  const names = ["localhost", "127.0.0.1", "::1", domain, `*.${domain}`];
  return openCertificates({
    dataDir: config.NEBULA_DATA,
    names: [...new Set([...names, ...gatewayNames(config.NEBULA_GATEWAY_NAMES)])],
    ...(cert === "" && key === "" ? {} : { given: { cert, key } }),
    ...{ clock: systemClock, observe },
  });
}
