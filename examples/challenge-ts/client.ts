// A client's side of Bartizan's interrogation: a fetch that answers proof-of-work
// challenges and shows the pass that this earns. Copy it; it needs Node 20, Bun or
// Deno and nothing else. docs/interrogation.md describes the protocol.
//
//   const call = answering();
//   const response = await call("https://api.example.com/orders");
import { createHash } from "node:crypto";

export interface Challenge {
  nonce: string;
  difficulty: number; // leading zero bits
}

export interface Options {
  fetch?: typeof fetch;
  /** The hardest work that is done, in leading zero bits. */
  most?: number;
}

/** Returns a fetch that solves what it is asked, once a call. */
export function answering(options: Options = {}): typeof fetch {
  const send = options.fetch ?? fetch;
  const most = options.most ?? 22;
  const passes = new Map<string, string>(); // by host

  return async function (input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const host = new URL(request.url).host;
    const again = request.clone(); // a body can be read once
    const pass = passes.get(host);
    if (pass !== undefined) {
      request.headers.set("Bartizan-Pass", pass);
    }
    const response = await send(request);
    const challenge = parse(response.headers.get("Bartizan-Challenge"));
    if (challenge === undefined || challenge.difficulty > most) {
      return response;
    }
    await response.body?.cancel();
    again.headers.set("Bartizan-Answer", await solve(challenge, init?.signal ?? undefined));
    const answered = await send(again);
    const earned = answered.headers.get("Bartizan-Pass");
    if (earned !== null) {
      passes.set(host, earned);
    }
    return answered;
  };
}

/** Reads `sha-256;difficulty=17;expires=1764000000;nonce="…"`. */
export function parse(field: string | null): Challenge | undefined {
  const [algorithm, ...parameters] = (field ?? "").split(";");
  const values = new Map<string, string>();
  for (const parameter of parameters) {
    const [name, value] = parameter.trim().split("=", 2);
    if (name !== undefined && value !== undefined) {
      values.set(name, value.replaceAll('"', ""));
    }
  }
  const nonce = values.get("nonce");
  const difficulty = Number(values.get("difficulty"));
  if (algorithm !== "sha-256" || !nonce || !(difficulty > 0 && difficulty <= 32)) {
    return undefined;
  }
  return { nonce, difficulty };
}

/** Finds the counter for which SHA-256 over nonce, dot and counter begins with so
 * many zero bits. Others get their turn every few milliseconds. */
export async function solve(challenge: Challenge, signal?: AbortSignal): Promise<string> {
  for (let counter = 0; ; counter++) {
    if (counter % 4096 === 0) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const answer = challenge.nonce + "." + counter;
    const hash = createHash("sha256").update(answer).digest();
    if (Math.clz32(hash.readUInt32BE(0)) >= challenge.difficulty) {
      return answer;
    }
  }
}
