// work stands in work.js.
var DRIVEN = 1, HEADLESS = 2, SCRIPTED = 4, ODD = 8, UNCACHED = 16, PRESSED = 32;
var q = document.getElementById("q").dataset, found = 0, done = null, sent = false, checked = false;
var say = document.getElementById("say"), bar = document.getElementById("bar"), go = document.getElementById("go");

function tell(text) { say.textContent = text; }

// What the browser says of itself, and what does not go together.
function traits() {
  var n = navigator, w = window;
  if (n.webdriver) found |= DRIVEN;
  if (/headless/i.test(n.userAgent)) found |= HEADLESS;
  var own = Object.getOwnPropertyDescriptor(n, "webdriver");
  var get = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(n), "webdriver");
  if (own || get && get.get && !/native code/.test(Function.prototype.toString.call(get.get))) found |= ODD;
  if (!n.languages || !n.languages.length) found |= ODD;
  if (/ Chrome\//.test(n.userAgent) && !w.chrome) found |= ODD;
  if (w.isSecureContext && w.Notification && n.permissions) {
    return n.permissions.query({ name: "notifications" }).then(function (p) {
      if (Notification.permission === "denied" && p.state === "prompt") found |= ODD;
    }).catch(function () {});
  }
  return Promise.resolve();
}

// A window that is being opened has no size at first.
function size(again) {
  if (window.outerWidth && window.outerHeight && screen.width) return;
  if (!again) { found |= ODD; return; }
  return new Promise(function (ok) { setTimeout(ok, 300); }).then(function () { return size(again - 1); });
}

// A browser asks about what it has loaded before whether it is still good.
function cache() {
  function load() { return fetch("/.well-known/bartizan/probe", { credentials: "same-origin" }); }
  return load().then(function (r) { return r.text(); }).then(load).then(function (r) {
    if (!r.headers.get("Bartizan-Seen")) found |= UNCACHED;
  }).catch(function () { found |= UNCACHED; });
}

function waiting(text) {
  bar.hidden = true; go.hidden = true;
  tell(text + " " + q.later);
  setTimeout(function () { location.replace(q.link); }, (Number(q.wait) + 1) * 1000);
}

function send() {
  if (sent) return;
  sent = true;
  tell(q.sending);
  fetch("/.well-known/bartizan/answer", {
    method: "POST", credentials: "same-origin", cache: "no-store",
    headers: { "Bartizan-Answer": q.nonce + "." + done.counter, "Bartizan-Probe": String(found) }
  }).then(function (r) {
    if (!r.ok) throw new Error(String(r.status));
    tell(q.done);
    location.replace(q.to);
  }).catch(function () {
    tell(q.failed);
    bar.hidden = true; go.hidden = true;
  });
}

function ready() {
  if (!done || !checked) return;
  bar.hidden = true;
  if (!(found & (ODD | UNCACHED)) || found & (DRIVEN | HEADLESS)) return send();
  tell(q.press);
  go.hidden = false;
  go.focus();
}

go.addEventListener("click", function (e) {
  found |= e.isTrusted ? PRESSED : SCRIPTED;
  send();
});

tell(q.checking);
bar.hidden = false;
Promise.all([traits(), cache(), size(3)]).then(function () { checked = true; ready(); });
try {
  var begun = performance.now();
  var worker = new Worker(URL.createObjectURL(new Blob(["(" + work + ")()"], { type: "text/javascript" })));
  worker.onmessage = function (e) {
    var m = e.data;
    if (m.share) { bar.value = m.share; return; }
    if (m.gaveUp) return waiting(q.slow);
    // Worker and page are one browser, under one clock.
    if (m.agent !== navigator.userAgent || m.languages !== String(navigator.languages) || m.took > performance.now() - begun + 50) found |= ODD;
    done = m;
    ready();
  };
  worker.onerror = function () { waiting(q.cannot); };
  worker.postMessage({ nonce: q.nonce, bits: Number(q.bits), tries: Number(q.tries) });
} catch (e) {
  waiting(q.cannot);
}
