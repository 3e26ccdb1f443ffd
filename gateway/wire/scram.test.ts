import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { makeVerifier } from "../../platform/sql/index.ts";
import { prove } from "./prove.fixture.ts";
import { challenge, mechanism, mechanismPlus, mockVerifier, parseVerifier, signInWith, verifyProof } from "./scram.ts";

/** RFC 7677, section 3: user `user`, password `pencil`. */
const rfc = {
  password: "pencil",
  salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
  nonce: "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  bare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
  proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};
const verifierOf = async (password: string, salt: Buffer<ArrayBuffer>) => {
  const parsed = parseVerifier(await makeVerifier(new Secret(password), salt));
  if (parsed === undefined) throw new Error("no verifier");
  return parsed;
};

test("the exchange of the RFC is proven, and the key in it signs in elsewhere", async () => {
  const verifier = await verifierOf(rfc.password, Buffer.from(rfc.salt, "base64"));
  const asked = {
    ...{ firstBare: rfc.bare, gs2: "n,,", nonce: rfc.nonce, binding: "biws" },
    text: `r=${rfc.nonce},s=${rfc.salt},i=4096`,
  };
  const proven = verifyProof(`c=biws,r=${rfc.nonce},p=${rfc.proof}`, asked, verifier);
  expect(proven?.final).toBe(rfc.final);
  expect(proven && createHash("sha256").update(proven.clientKey).digest()).toEqual(verifier.storedKey);

  const upstream = signInWith(proven?.clientKey ?? Buffer.alloc(0));
  const theirs = challenge(upstream.first, mechanism, verifier, undefined);
  const answer = upstream.answer(theirs.text);
  expect(verifyProof(answer ?? "", theirs, verifier)?.clientKey).toEqual(proven?.clientKey);
  expect(upstream.answer("r=somebody-else,s=AAAA,i=1")).toBeUndefined();
});

test("only the password proves, on the channel that it was given on", async () => {
  const verifier = await verifierOf("right", randomBytes(16));
  const channel = randomBytes(32);
  const first = "p=tls-server-end-point,,n=,r=abc";
  const asked = challenge(first, mechanismPlus, verifier, channel);
  const bind = (to: Buffer) => Buffer.concat([Buffer.from("p=tls-server-end-point,,"), to]);
  expect(verifyProof(prove("right", first, asked.text, bind(channel)), asked, verifier)).toBeDefined();
  expect(verifyProof(prove("wrong", first, asked.text, bind(channel)), asked, verifier)).toBeUndefined();
  expect(() => verifyProof(prove("right", first, asked.text, bind(randomBytes(32))), asked, verifier)).toThrow(
    /channel binding/,
  );
  const mock = mockVerifier(Buffer.alloc(32), "x");
  const unknown = challenge("n,,n=,r=abc", mechanism, mock, undefined);
  const nothing = prove("right", "n,,n=,r=abc", unknown.text, Buffer.from("n,,"));
  expect(verifyProof(nothing, unknown, mock)).toBeUndefined();
  expect(mockVerifier(Buffer.alloc(32), "x").salt).toBe(mock.salt);
  expect(mockVerifier(Buffer.alloc(32), "y").salt).not.toBe(mock.salt);
});

test("a client that is made to believe that we cannot bind is refused", async () => {
  const verifier = await verifierOf("right", randomBytes(16));
  const offered = randomBytes(32);
  expect(() => challenge("y,,n=,r=abc", mechanism, verifier, offered)).toThrow(/channel binding negotiation/);
  expect(() => challenge("n,,n=,r=abc", mechanismPlus, verifier, offered)).toThrow(/did not bind/);
  expect(() => challenge("p=tls-unique,,n=,r=abc", mechanismPlus, verifier, offered)).toThrow(/unsupported/);
  expect(() => challenge("p=tls-server-end-point,,n=,r=abc", mechanism, verifier, offered)).toThrow(/has none/);
  expect(challenge("y,,n=,r=abc", mechanism, verifier, undefined).binding).toBe(Buffer.from("y,,").toString("base64"));
  for (const odd of ["", "n,,", "n,a=admin,n=,r=abc", "x,,n=,r=a", "n,,m=x,n=,r=a", "n,,n=,r="])
    expect(() => challenge(odd, mechanism, verifier, undefined), odd).toThrow();
});
