import { hostPolicy } from "../../platform/core/index.ts";
import type { GitSettings } from "../api/index.ts";
import type { Settings } from "./settings.ts";

/** Whom this installation asks, and what it shows a Git host elsewhere. */
export function readGit(config: Settings): GitSettings {
  const { NEBULA_GITHUB_APP_ID: appId, NEBULA_GITHUB_APP_KEY: privateKey } = config;
  return {
    policy: hostPolicy({
      hosts: config.NEBULA_GIT_HOSTS,
      inside: `127.0.0.1:${config.NEBULA_PORT + 1},${config.NEBULA_PRIVATE_HOSTS}`,
    }),
    hookUrl: config.NEBULA_HOOK_URL === "" ? null : config.NEBULA_HOOK_URL,
    pollSeconds: config.NEBULA_POLL_SECONDS,
    app: appId === 0 || privateKey === undefined ? null : { appId, privateKey },
  };
}
