/**
 * The environment of every git process. Nothing named GIT_* comes in from outside; no configuration is read but the
 * repository's own and what `config` names; nothing can prompt, page, run a hook or start a background process.
 */
export type GitConfig = Readonly<Record<string, string>>;

const inherited = ["PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "SYSTEMROOT"] as const;
const proxies = ["http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"] as const;

const always: GitConfig = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.quotePath": "false",
  "core.pager": "cat",
  "core.askPass": "",
  "credential.helper": "",
  "diff.external": "",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "protocol.version": "2",
  "submodule.recurse": "false",
  // A redirect is another address, which nobody has judged; the token would go there too.
  "http.followRedirects": "false",
  "http.lowSpeedLimit": "1000",
  "http.lowSpeedTime": "30",
};

export function gitEnvironment(
  config: GitConfig = {},
  extra: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const name of [...inherited, ...proxies]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  const entries = Object.entries({ ...always, ...config });
  entries.forEach(([key, value], i) => {
    environment[`GIT_CONFIG_KEY_${i}`] = key;
    environment[`GIT_CONFIG_VALUE_${i}`] = value;
  });
  return Object.assign(environment, {
    LC_ALL: "C",
    HOME: "/nonexistent",
    GIT_CONFIG_COUNT: String(entries.length),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ALLOW_PROTOCOL: "http:https:file",
    GIT_ADVICE: "0",
    ...extra,
  });
}

/** The credential of an HTTP remote as configuration: it travels in the environment, never in an argument or an address. */
export function tokenConfig(token: { reveal(): string } | string | undefined): GitConfig {
  if (token === undefined) return {};
  const text = typeof token === "string" ? token : token.reveal();
  const basic = Buffer.from(`x-access-token:${text}`).toString("base64");
  return { "http.extraHeader": `Authorization: Basic ${basic}` };
}
