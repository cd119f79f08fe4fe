"use strict";
(() => {
  const PERIOD_MILLIS = 5000;
  const main = document.querySelector("main");
  const news = document.getElementById("news");
  let since = Date.now();

  const put = (text) => {
    const made = new DOMParser().parseFromString(text, "text/html");
    const open = [...main.querySelectorAll("details")].map((details) => [details.id, details.open]);
    const scrolled = [...main.querySelectorAll(".scroll")].map((table) => [table.id, table.scrollLeft]);
    const focused = document.activeElement && main.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && (focused.id ? `#${focused.id}` : focused.matches("summary") ? "summary" : null);
    main.replaceChildren(...made.body.childNodes);
    open.forEach(([id, was]) => { const details = document.getElementById(id); if (details) details.open = was; });
    scrolled.forEach(([id, left]) => { const table = document.getElementById(id); if (table) table.scrollLeft = left; });
    if (place) { const again = main.querySelector(place); if (again) again.focus({ preventScroll: true }); }
    document.title = main.querySelector(".top").dataset.title;
  };

  const refresh = async () => {
    const selection = getSelection();
    // Who is copying something does not want it replaced.
    if (document.hidden || (selection && !selection.isCollapsed)) return;
    try {
      const answer = await fetch("/?part=main", { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(PERIOD_MILLIS) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      put(await answer.text());
      since = Date.now();
      news.hidden = true;
    } catch {
      news.textContent = `No answer for ${Math.round((Date.now() - since) / 1000)} s; what is shown is as old.`;
      news.hidden = false;
    }
  };

  setInterval(refresh, PERIOD_MILLIS);
  document.addEventListener("visibilitychange", refresh);
})();
