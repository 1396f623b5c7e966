// How the site's search orders what it finds: pages for readers first, the insides of Python last.

var LATER = /^(models\/|changelog$|contributing$|releasing$)/;
var LAST = /^(api\/|genindex$|py-modindex$)/;
var FIRST = /^(start|predict|serve|library|own-data)$/;
var TITLE = 15; // of a word in a page's title; elsewhere in the page it is 5

var Scorer = {
  score: function (result) {
    var page = result[0];
    if (LAST.test(page)) return result[4] - 1000;
    if (LATER.test(page)) return result[4] - 500;
    // Among pages that all say the word somewhere, those that a newcomer is led to.
    return result[4] + (FIRST.test(page) && result[4] < TITLE ? 1 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: TITLE,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
