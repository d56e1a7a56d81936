// A site's own pages load this script, before any other. Where the gateway asks a
// question of a page's fetch or XMLHttpRequest, it does the work in a worker and
// sends the request again, once. work stands in work.js.
if (!self.document) return work();

var send = window.fetch, Plain = window.XMLHttpRequest, busy = null;

// Others wait until the first has been answered, since that earns a cookie for all.
function recover(asked, repeat) {
  if (busy) return busy.then(() => repeat(""));
  var mine = new Promise((ok, no) => {
    var q = /difficulty=(\d+).*nonce="([^"]+)"/.exec(asked), worker = new Worker("/.well-known/bartizan/fetch.js");
    worker.onerror = no;
    worker.onmessage = (e) => {
      if (e.data.share) return;
      worker.terminate();
      ok(q[2] + "." + e.data.counter);
    };
    worker.postMessage({ nonce: q[2], bits: +q[1], tries: 8 << q[1] });
  }).then(repeat);
  busy = mine.catch(() => {}).then(() => { busy = null; });
  return mine;
}

var own = (url) => new URL(url, document.baseURI).origin === location.origin;

window.fetch = function (input, init) {
  if (!own(input.url || input)) return send.apply(this, arguments);
  var first = new Request(input, init), again = first.clone();
  return send(first).then((r) => {
    var asked = r.status === 429 && r.headers.get("Bartizan-Challenge");
    if (!asked) return r;
    return recover(asked, (a) => {
      if (a) again.headers.set("Bartizan-Answer", a);
      return send(again);
    }).catch(() => r);
  });
};

window.XMLHttpRequest = class XMLHttpRequest extends Plain {
  #call; #fields; #body; #asked; #told;
  constructor() {
    super();
    ["readystatechange", "progress", "load", "loadend"].forEach((name) => {
      this.addEventListener(name, (e) => {
        if (!this.#asks()) return;
        e.stopImmediatePropagation();
        if (name === "loadend") this.#again();
      });
    });
  }
  #asks() {
    if (this.#told || !this.#call || this.readyState < 2 || this.status !== 429) return false;
    this.#asked = this.getResponseHeader("Bartizan-Challenge");
    return !!this.#asked;
  }
  #again() {
    var repeat = (a) => new Promise((done) => {
      this.#told = true;
      super.open(...this.#call);
      this.#fields.concat(a ? [["Bartizan-Answer", a]] : []).forEach((f) => super.setRequestHeader(...f));
      this.addEventListener("loadend", done);
      super.send(this.#body);
    });
    recover(this.#asked, repeat).catch(() => repeat(""));
  }
  open(method, url, async) {
    this.#call = async === false || !own(url) ? null : arguments;
    this.#fields = [];
    this.#told = false;
    return super.open(...arguments);
  }
  setRequestHeader(name, value) {
    super.setRequestHeader(name, value);
    this.#fields.push([name, value]);
  }
  send(body) {
    this.#body = body;
    super.send(body);
  }
};
