import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { guardedFetch } from "./guarded-fetch.ts";
import { isPublicAddress, resolveSafely, safeUrl } from "./safe-url.ts";

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return "allowed";
  } catch (thrown) {
    return (thrown as { code?: unknown }).code;
  }
};

describe("an address", () => {
  test.each([
    ...["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.31.255.255"],
    ...["192.168.0.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"],
    ...["::", "::1", "::ffff:127.0.0.1", "::ffff:a00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1"],
    ...[
      "2002:7f00:1::",
      "2002:a9fe:a9fe::1",
      "fc00::1",
      "fd12::1",
      "fe80::1",
      "fe80::1%eth0",
      "ff02::1",
      "2001:db8::1",
    ],
    ...["", "localhost", "1.2.3", "1.2.3.4.5"],
  ])("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false));
  test.each(["1.1.1.1", "140.82.121.4", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::"])(
    "%s is public",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe("a URL is", () => {
  test.each([
    ...["http://github.com", "ftp://github.com", "file:///etc/passwd", "gopher://github.com", "javascript:alert(1)"],
    ...["https://user:secret@github.com", "https://127.0.0.1", "https://127.1", "https://2130706433", "https://0x7f.1"],
    ...[
      "https://017700000001",
      "https://[::1]",
      "https://[::ffff:127.0.0.1]",
      "https://localhost",
      "https://LOCALHOST.",
    ],
    ...[
      "https://a.localhost",
      "https://１２７.0.0.1",
      "https://169.254.169.254/latest",
      "https://[fe80::1]",
      "https://0",
    ],
    ...[
      "https://git\thub.com",
      "https://git\nhub.com",
      " https://github.com",
      "https:\\\\github.com",
      "github.com",
      "",
    ],
    ...["https://", "https://[::1", "smtp://mail.example.com"],
  ])("refused: %j", (text) => expect(codeOf(() => safeUrl(text, {}))).toBe("NEB688"));

  test("allowed in public, and normalised", () => {
    expect(safeUrl("https://API.GitHub.com:443/x", {}).href).toBe("https://api.github.com/x");
    expect(safeUrl("smtps://mail.example.com", {}, ["smtps:"]).host).toBe("mail.example.com");
  });

  test("held to a list of hosts with their ports", () => {
    const policy = { hosts: ["github.com", "*.example.com", "ghe.corp.example:8443"] };
    for (const fine of ["github.com", "a.example.com", "a.b.example.com", "ghe.corp.example:8443"])
      expect(codeOf(() => safeUrl(`https://${fine}/`, policy))).toBe("allowed");
    const others = [
      "example.com",
      "xgithub.com",
      "github.com.evil.io",
      "github.com:8443",
      "ghe.corp.example",
      "evil.io",
    ];
    for (const not of others)
      expect(
        codeOf(() => safeUrl(`https://${not}/`, policy)),
        not,
      ).toBe("NEB688");
  });

  test("allowed inside only where its host and port are named", () => {
    const policy = { hosts: ["github.com"], inside: ["127.0.0.1:4401", "[::1]:4401", "ghe.corp"] };
    for (const fine of ["http://127.0.0.1:4401", "http://[::1]:4401", "https://ghe.corp", "http://ghe.corp:8080"])
      expect(
        codeOf(() => safeUrl(fine, policy)),
        fine,
      ).toBe("allowed");
    for (const not of ["http://127.0.0.1:4402", "http://127.0.0.2:4401", "https://10.0.0.1"])
      expect(
        codeOf(() => safeUrl(not, policy)),
        not,
      ).toBe("NEB688");
  });

  test("judged by everything that its name resolves to", async () => {
    const url = safeUrl("https://github.com", {});
    const to = (...addresses: string[]) => resolveSafely(url, {}, async () => addresses.map(toAddress));
    await expect(to("140.82.121.4", "10.0.0.1")).rejects.toMatchObject({ code: "NEB688" });
    await expect(to("::ffff:10.0.0.1")).rejects.toMatchObject({ code: "NEB688" });
    expect(await to("140.82.121.4")).toHaveLength(1);
  });
});

const toAddress = (address: string) => ({ address, family: address.includes(":") ? (6 as const) : (4 as const) });

describe("a guarded fetch", () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  async function host(listener: RequestListener): Promise<{ url: string; port: number }> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    const { port } = server.address() as AddressInfo;
    return { port, url: `http://127.0.0.1:${port}` };
  }
  const inside = ["127.0.0.1"];

  test("asks as fetch does, and unpacks", async () => {
    const { url } = await host(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = JSON.stringify({
        method: request.method,
        type: request.headers["content-type"],
        got: String(Buffer.concat(chunks)),
      });
      response.writeHead(201, { "content-type": "application/json", "content-encoding": "gzip" }).end(gzipSync(body));
    });
    const response = await guardedFetch({ inside })(`${url}/a?b=c`, {
      ...{ method: "POST", headers: { "content-type": "application/json" }, body: '{"é":1}' },
    });
    expect([response.status, response.url]).toEqual([201, `${url}/a?b=c`]);
    expect(await response.json()).toEqual({ method: "POST", type: "application/json", got: '{"é":1}' });
  });

  test("connects to the address that was judged, whatever the resolver says later", async () => {
    const { port } = await host((_request, response) => response.end("inside"));
    const answers = ["140.82.121.4", "127.0.0.1"];
    const dialled: string[] = [];
    const fetching = guardedFetch(
      { inside: ["rebind.example:1"] },
      {
        resolve: async () => [toAddress(answers.shift() ?? "127.0.0.1")],
        connect: ({ address }) => {
          dialled.push(address);
          return connect(port, "127.0.0.1");
        },
      },
    );
    await fetching("https://rebind.example/").catch(() => undefined); // it speaks no TLS
    expect(dialled).toEqual(["140.82.121.4"]);
    await expect(fetching("https://rebind.example/")).rejects.toMatchObject({ code: "NEB688" });
    expect(dialled).toHaveLength(1);
  });

  test("follows redirects on the same host only, and not for ever", async () => {
    const other = await host((_request, response) => response.end("other"));
    const { url } = await host((request, response) => {
      const to = { "/away": `${other.url}/`, "/here": "/end", "/loop": "/loop" }[request.url ?? ""];
      if (to === undefined) response.end("end");
      else response.writeHead(302, { location: to }).end();
    });
    const fetching = guardedFetch({ inside });
    expect(await (await fetching(`${url}/here`)).text()).toBe("end");
    for (const path of ["/away", "/loop"])
      await expect(fetching(`${url}${path}`)).rejects.toMatchObject({ code: "NEB688" });
    expect((await fetching(`${url}/away`, { method: "POST" })).status).toBe(302);
  });

  test("gives up on an answer that is late, too long or cut", async () => {
    const { url } = await host((request, response) => {
      if (request.url === "/late") return;
      if (request.url === "/long") return void response.end(Buffer.alloc(2_000));
      response.writeHead(200, {
        "content-length": "100",
        ...(request.url === "/packed" ? { "content-encoding": "gzip" } : {}),
      });
      response.write(gzipSync("half"));
      setTimeout(() => response.destroy(), 20);
    });
    const fetching = guardedFetch({ inside }, { timeoutMs: 300, maxBytes: 1_000 });
    for (const path of ["/late", "/long", "/cut", "/packed"])
      await expect(fetching(`${url}${path}`), path).rejects.toThrow();
  });
});
