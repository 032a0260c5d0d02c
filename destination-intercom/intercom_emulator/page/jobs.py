"""The page of the bulk jobs."""

from intercom_emulator.bulk import Job
from intercom_emulator.core import Sight
from intercom_emulator.page.frame import frame
from intercom_emulator.page.html import Child, Html, element, moment, section, table, value
from intercom_emulator.page.paths import Place


def list_jobs(sight: Sight, place: Place) -> Html:
    """Return the page of all bulk jobs, the latest first."""
    jobs = list(sight.workspace.jobs)[::-1]
    rows = [_row(each, sight.now) for each in place.cut(jobs)]
    shown = table(("Job", "State", "Tasks", "Created"), rows, caption="Bulk jobs, the latest first", wide=(3,))
    return frame("Bulk jobs", place, section("jobs", "Bulk jobs", place.pager(len(jobs), "jobs"), shown))


def _row(job: Job, now: float) -> list[Child]:
    tasks = [
        element("li", f"{each.id}: {each.state(now)}, {each.done:,} of {each.count:,} done, {each.failed:,} failed")
        for each in job.tasks
    ]
    return [value(job.id), job.shown(now)["state"], element("ul", tasks), moment(job.created)]
