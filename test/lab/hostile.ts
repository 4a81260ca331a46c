/** Names that would do something where they were taken as markup. */
export const HOSTILE: readonly string[] = [
  "<script>window.__xss = 1</script>",
  '<img src=x onerror="window.__xss = 2">',
  "<svg onload='window.__xss = 3'>",
  '" onmouseover="window.__xss = 4" x="',
  "' onmouseover='window.__xss = 5' x='",
  '<a href="javascript:window.__xss=6">a link</a>',
  "[a link](javascript:window.__xss=7)",
  "![a picture](https://example.invalid/x.png)",
  "<javascript:window.__xss=8> http://example.invalid www.example.invalid me@example.invalid",
  "$$\\href{javascript:window.__xss=9}{x}$$ and \\(y\\)",
  "%{x} %{customdata[0]} <extra>extra</extra> %{y:.3f}",
  "`code` **bold** _thin_ ~~gone~~ | a | b |",
  "&lt;b&gt; &#60;i&#62; &amp;lt;u&amp;gt; &nbsp;",
  "${window.__xss = 10} #{x} {{x}}",
  '</script><script>window.__xss = 11</script><!-- ]]> --> "></div>',
  "<b>bold</b><br><sup>up</sup>",
  "# title",
  "- a list",
  "1. a list",
  "> said",
  "[x]: javascript:window.__xss=12",
  "=HYPERLINK(1)",
];

/** Names with characters that are not seen, and how they are shown. */
export const UNSEEN: readonly (readonly [string, string])[] = [
  ["a\nb\r\tc", "a\\nb\\r\\tc"],
  ["\u001b[31mred", "\\u001b[31mred"],
  ["\u202egnp", "\\u202egnp"],
  ["a\u2028b\u0000", "a\\u2028b\\u0000"],
  ["\n\n<img src=x onerror=1>", "\\n\\n<img src=x onerror=1>"],
];
