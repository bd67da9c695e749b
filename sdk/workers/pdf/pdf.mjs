// pdfOf makes a PDF of a title and lines of text, on as many A4 pages as they need, with a font that every reader has.
// See ISO 32000-1, 7.5 (structure) and 9.6.2.2 (fonts). Characters beyond Latin-1 become question marks: a real worker
// takes a library that embeds fonts.
const LINES = 50; // Of a page.

/** Returns a Buffer. progress is told what part of the pages is done, from 0 to 1. */
export function pdfOf(title, lines, progress = () => {}) {
  const pages = [];
  for (let at = 0; at === 0 || at < lines.length; at += LINES) pages.push(lines.slice(at, at + LINES));
  // Objects 1 to 3 are the catalog, the tree of pages and the font; then come two for each page.
  const kids = pages.map((_, n) => `${4 + 2 * n} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
  ];
  pages.forEach((page, n) => {
    const heading = pages.length > 1 ? `${title} (${n + 1}/${pages.length})` : title;
    const text = [`BT /F1 16 Tf 50 790 Td ${string(heading)} Tj /F1 10 Tf 0 -30 Td 14 TL`, ...page.map((line) => `${string(line)} Tj T*`), "ET"].join("\n");
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * n} 0 R >>`,
      `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    );
    progress((n + 1) / pages.length);
  });
  return file(objects);
}

// A string in the syntax of PDF.
function string(text) {
  return `(${text.replace(/[^\x20-\x7e\xa0-\xff]/gu, "?").replace(/[\\()]/g, "\\$&")})`;
}

// A file with a table that says at which byte each object begins.
function file(objects) {
  let body = "%PDF-1.4\n";
  const offsets = objects.map((object, n) => {
    const at = body.length;
    body += `${n + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
  return Buffer.from(`${body}${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`, "latin1");
}
