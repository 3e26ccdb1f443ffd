import { Secret } from "../../platform/core/index.ts";
import type { Certificates, ServingTls } from "../tls/index.ts";
import { isLoopback } from "../wire/index.ts";
import { keepSecret } from "./secrets.ts";
import { portalOf, type Settings } from "./settings.ts";

/** How both HTTP ports meet others: in clear on this machine alone, by TLS elsewhere, and keys are the portal's to judge. */
export type Outside = { readonly tls?: ServingTls; readonly portal: { readonly url: string; readonly secret: Secret } };

export function outsideOf(config: Settings, certificates: Certificates): Outside {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_HOST: host } = config;
  const tls: ServingTls = { current: () => certificates.current().options, onChange: certificates.onChange };
  return {
    ...(isLoopback(host) || host === "localhost" ? {} : { tls }),
    portal: { url: portalOf(config), secret: new Secret(keepSecret(dataDir, "portal-secret").toString("base64url")) },
  };
}
