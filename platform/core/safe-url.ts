/**
 * Which addresses this installation may ask on behalf of somebody. Every URL that comes from a person, a declaration or a Git
 * host goes through here before anything connects to it.
 *
 * 1. An address counts as it is reached, not as it is written: `http://2130706433`, `[::ffff:7f00:1]` and a name that resolves to
 *    127.0.0.1 are all this machine.
 * 2. Loopback, private, link-local, shared, reserved and multicast networks are refused unless the policy names the host.
 * 3. Plain text (`http:`, `smtp:`) is refused unless the policy names the host.
 * 4. A name is judged again at every connection (`guarded-fetch.ts`): what it resolved to yesterday says nothing.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";
import { defineError } from "./errors.ts";

export const urlRefused = defineError({
  code: "NEB688",
  status: 422,
  title: "This address may not be asked",
  retry: false,
  hint: "Only https to public hosts is allowed. The operator allows a host by NEBULA_GIT_HOSTS, one inside the network by NEBULA_PRIVATE_HOSTS.",
});

export type UrlPolicy = {
  /**
   * Hosts that may be asked at all: `github.com`, `*.example.com` (every name below it), `ghe.example.com:8443`. Without a port
   * an entry means the scheme's own. Undefined: any.
   */
  readonly hosts?: readonly string[];
  /** `host` or `host:port` of what may lie on this machine or in a private network, and may be asked in plain text. */
  readonly inside?: readonly string[];
};

/** Both lists as settings have them: comma-separated. */
export function hostPolicy(lists: { readonly hosts: string; readonly inside: string }): Required<UrlPolicy> {
  const read = (text: string) =>
    text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
  return { hosts: read(lists.hosts), inside: read(lists.inside) };
}

export type Address = { readonly address: string; readonly family: 4 | 6 };
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

const schemes = { "https:": 443, "http:": 80, "smtps:": 465, "smtp:": 587 } as const;
const plain: readonly string[] = ["http:", "smtp:"];

/**
 * The address of `text`, normalised, if the policy allows it. Says nothing yet of what its name resolves to.
 * @throws NEB688 with the reason.
 */
export function safeUrl(text: string, policy: UrlPolicy, allowed: readonly string[] = ["https:", "http:"]): URL {
  const url = parse(text);
  const refuse = (why: string) => urlRefused(`${shown(url)} is refused: ${why}`);
  const port = portOf(url);
  if (port === undefined || !allowed.includes(url.protocol))
    throw refuse(`${url.protocol} is not a scheme it may have`);
  if (url.username !== "" || url.password !== "") throw refuse("an address must not carry a credential");
  const host = hostOf(url);
  const isInside = namedBy(policy.inside, host, port, undefined);
  if (plain.includes(url.protocol) && !isInside) throw refuse("it is not encrypted");
  if (policy.hosts !== undefined && !isInside && !namedBy(policy.hosts, host, port, schemes[url.protocol as "https:"]))
    throw refuse(`${host}:${port} is not among the allowed hosts`);
  if (isInside) return url;
  if (host === "localhost" || host.endsWith(".localhost")) throw refuse("it is this machine");
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refuse(`${host} is not a public address`);
  return url;
}

/**
 * What the host of a safe URL is reached at now. All of its addresses must be allowed: a name with one inside is a trap.
 * @throws NEB688, or the resolver's error.
 */
export async function resolveSafely(
  url: URL,
  policy: UrlPolicy,
  resolve: Resolve = systemResolve,
): Promise<readonly Address[]> {
  const host = hostOf(url);
  const kind = isIP(host);
  const found = kind === 0 ? await resolve(host) : [{ address: host, family: kind === 6 ? 6 : 4 } as const];
  if (namedBy(policy.inside, host, portOf(url) ?? 0, undefined)) return found;
  const inside = found.find(({ address }) => !isPublicAddress(address));
  if (inside !== undefined)
    throw urlRefused(`${shown(url)} is refused: ${host} resolves to ${inside.address}, which is not a public address`);
  return found;
}

const systemResolve: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, verbatim: true })).map(({ address, family }) => ({
    address,
    family: family === 6 ? 6 : 4,
  }));

/** Whether an IP address is one of the public internet's. What is no address at all is not. */
export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 0) return false;
  if (kind === 4) return !reserved.check(address, "ipv4");
  const carried = carriedV4(address);
  if (carried !== undefined) return isPublicAddress(carried);
  return !reserved.check(address, "ipv6");
}

const reserved = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  reserved.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const)
  reserved.addSubnet(network, prefix, "ipv6");

/** An IPv4 address inside an IPv6 one: mapped, translated (NAT64) or tunnelled (6to4). */
function carriedV4(address: string): string | undefined {
  const words = wordsOf(address);
  const v4 = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const head = words.slice(0, 6).join(":");
  if (head === "0:0:0:0:0:65535" || head === "0:0:0:0:65535:0") return v4(words[6], words[7]);
  if (head === `${0x64}:${0xff9b}:0:0:0:0`) return v4(words[6], words[7]);
  return words[0] === 0x2002 ? v4(words[1], words[2]) : undefined;
}

function wordsOf(address: string): readonly number[] {
  const bare = new URL(`http://[${address.split("%")[0]}]/`).hostname.slice(1, -1);
  const [left = "", right] = bare.split("::");
  const read = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  if (right === undefined) return read(left);
  const [first, last] = [read(left), read(right)];
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

function parse(text: string): URL {
  // Tabs and line ends vanish when a URL is parsed, and a backslash becomes a slash: two readers would see two addresses.
  if (/[\s\\]|\p{Cc}/u.test(text)) throw urlRefused("the address has a character that no address has");
  const url = URL.parse(text);
  if (url === null || url.host === "") throw urlRefused("the address is no absolute URL with a host");
  return url;
}

/** Lower case, without brackets and a last dot; schemes that the URL standard does not know are read as it reads http. */
export function hostOf(url: URL): string {
  const name = URL.parse(`http://${url.host}/`)?.hostname ?? "";
  const bare = name.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  return isIPv6(bare) ? bare : bare.toLowerCase();
}

const portOf = (url: URL): number | undefined =>
  url.port !== "" ? Number(url.port) : (schemes as Readonly<Record<string, number>>)[url.protocol];

/** `ownPort`: the only port of an entry that names none; undefined: every port. */
function namedBy(
  list: readonly string[] | undefined,
  host: string,
  port: number,
  ownPort: number | undefined,
): boolean {
  return (list ?? []).some((entry) => {
    const [, name = "", its] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry.trim().toLowerCase()) ?? [];
    const wanted = name.replace(/^\[|\]$/g, "");
    const isHost = wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) : wanted !== "" && host === wanted;
    return isHost && (its === undefined ? ownPort === undefined || port === ownPort : port === Number(its));
  });
}

/** Without what might be a secret. */
const shown = (url: URL): string => `${url.protocol}//${url.host}`;
