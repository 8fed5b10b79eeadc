"""The bibliography's labels are the names that the text uses: Gers et al. (2000)."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting import unsrt
from pybtex.style.labels import alpha


class AuthorsAndYear(alpha.LabelStyle):
    def format_label(self, entry):
        first, *others = map(last_name, entry.persons["author"])
        names = f"{first} et al." if len(others) > 1 else " and ".join([first, *others])
        return f"{names} ({entry.fields['year']})"


def last_name(person):
    return " ".join(map(str, [*person.rich_prelast_names, *person.rich_last_names]))


class Style(unsrt.Style):
    default_sorting_style = "author_year_title"
    default_label_style = AuthorsAndYear


def setup(app):
    register_plugin("pybtex.style.formatting", "authors_and_year", Style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
